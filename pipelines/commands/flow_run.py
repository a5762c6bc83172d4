"""Runs a flow from a command: Prefect wakes up while the steps are imported, and progress is shown."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pipelines.commands.live_progress import live_progress


@contextmanager
def flow_run(module: str, flow: str) -> Iterator[Callable[..., Any]]:
    """The flow `flow` of `pipelines.flows.<module>`, ready to be called; what it tells is drawn on stderr."""
    with live_progress() as listener:
        listener("start", 0, 1, "waking Prefect")
        from pipelines.flows.waking import begin_waking

        wait_until_awake = begin_waking()
        found = getattr(importlib.import_module(f"pipelines.flows.{module}"), flow)
        wait_until_awake()
        listener("start", 1, 1, "Prefect is awake")
        from pipelines.flows.progress import listening

        with listening(listener):
            yield found
