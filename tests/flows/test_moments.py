from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prefect import flow

from pipelines.flows.moments import scheduled_moment


@flow
def asking() -> datetime:
    return scheduled_moment()


def test_outside_of_a_run_it_is_now() -> None:
    assert abs(scheduled_moment() - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.usefixtures("prefect_server")
def test_in_a_run_it_is_when_the_run_was_due() -> None:
    moment = asking()
    assert moment.utcoffset() == timedelta(0)
    assert timedelta(0) <= datetime.now(UTC) - moment < timedelta(seconds=60)
