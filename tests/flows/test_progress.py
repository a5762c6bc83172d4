from __future__ import annotations

import pytest
from prefect import flow, task

from pipelines.flows.progress import listening, tell


@task
def work() -> int:
    tell("work", 1, 2, "half")
    return 1


@flow
def working() -> int:
    return work()


def test_without_a_listener_and_a_run_nothing_happens() -> None:
    tell("work", 1, 2, "half")


@pytest.mark.usefixtures("prefect_server")
def test_a_listener_hears_the_tasks_of_a_flow() -> None:
    heard = []
    with listening(lambda *told: heard.append(told)):
        working()
    working()  # to its log
    assert heard == [("work", 1, 2, "half")]
