"""A training that answers a retraining request: it holds the request, and marks it done."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from pipelines.core.settings import Settings
from pipelines.flows.locks import lease
from pipelines.stores.ledger import open_ledger


@contextmanager
def answering(settings: Settings, request_id: int | None) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Hold the request while the block runs; the function given marks it done with the training's summary."""
    if request_id is None:
        yield lambda summary: None
        return
    ledger = open_ledger(settings)
    try:
        with lease(ledger, request_id, _holder()):

            def answer(summary: dict[str, Any]) -> None:
                evidence = {key: summary[key] for key in ("decision", "version", "run_id", "snapshot")}
                ledger.finish(request_id, datetime.now(UTC), str(summary["decision"]), evidence)

            yield answer
    finally:
        ledger.close()


def _holder() -> str:
    """Who holds a lease: the flow run, so that a retry of it holds its own lease."""
    from prefect.runtime import flow_run

    return flow_run.id or f"{socket.gethostname()}:{os.getpid()}"
