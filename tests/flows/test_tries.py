from __future__ import annotations

import pytest
from prefect import flow, task

from pipelines.core.errors import SourceError, Unavailable
from pipelines.flows.tries import RETRIES

calls: list[str] = []


@task(**{**RETRIES, "retry_delay_seconds": 0})
def fail(kind: str) -> None:
    calls.append(kind)
    if kind == "down" and len(calls) < 3:
        raise Unavailable("the server does not answer")
    if kind == "damaged":
        raise SourceError("the table is damaged")


@flow
def failing(kind: str) -> None:
    fail(kind)


@pytest.mark.usefixtures("prefect_server")
def test_only_what_can_pass_is_tried_again() -> None:
    failing("down")
    assert calls == ["down", "down", "down"]
    calls.clear()
    with pytest.raises(SourceError):
        failing("damaged")
    assert calls == ["damaged"]
