from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from prefect import flow, task

from pipelines.core.errors import NotFound, Unavailable
from pipelines.core.settings import Settings
from pipelines.flows.mapping import _state, map_task


@task
def halved(number: int) -> int:
    if number % 2:
        raise NotFound(f"{number} has no half")
    return number // 2


@flow
def halves(settings: Settings, numbers: list[int]) -> list[Any]:
    return [
        state.result(raise_on_failure=False)
        for state in map_task(settings, halved, [{"number": one} for one in numbers])
    ]


@pytest.mark.usefixtures("prefect_server")
def test_one_that_fails_does_not_keep_the_others_from_it(settings: Settings) -> None:
    first, second, third = halves(settings, [2, 3, 8])
    assert (first, third) == (1, 4)
    assert isinstance(second, NotFound)
    assert halves(settings, []) == []


def test_a_task_that_a_cluster_took_with_it_is_an_error() -> None:
    """Its state is what Prefect heard last."""
    states = [SimpleNamespace(is_final=lambda final=final: final) for final in (True, False)]
    done = SimpleNamespace(done=lambda: True)
    futures = [SimpleNamespace(state=one, wrapped_future=done, wait=lambda: None) for one in states]
    assert _state(futures[0], None) is states[0]
    with pytest.raises(Unavailable, match="went away"):
        _state(futures[1], None)
