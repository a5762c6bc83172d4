"""Flows that need no sign of life: called one after another by a program that waits for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_heartbeats() -> Iterator[None]:
    """Within it a flow of this thread ends when its work does.

    Prefect's heartbeat tells of runs whose process died. Its thread sleeps by the second, and at the end of a flow that
    is waited for: of a flow of two seconds that is a third.
    """
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield
