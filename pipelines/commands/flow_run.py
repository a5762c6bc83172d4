"""Runs a flow from a command: Prefect wakes up while the steps are imported, and progress is shown."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pipelines.commands.live_progress import live_progress


@contextmanager
def flow_run(module: str, flow: str) -> Iterator[Callable[..., Any]]:
    """The flow `flow` of `pipelines.flows.<module>`, ready to be called; what it tells is drawn on stderr."""
    with live_progress() as listener:
        listener("start", 0, 1, "waking Prefect")
        waking = threading.Thread(target=_wake, name="wake-prefect", daemon=True)
        waking.start()  # takes as long as importing the steps
        found = getattr(importlib.import_module(f"pipelines.flows.{module}"), flow)
        waking.join()
        listener("start", 1, 1, "Prefect is awake")
        from pipelines.flows.progress import listening

        with listening(listener):
            yield found


def _wake() -> None:
    from pipelines.flows.waking import wake_prefect

    wake_prefect()
