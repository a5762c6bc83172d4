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
from pipelines.stores.decisions.ledger import Entry, Request, open_ledger
from pipelines.stores.registry.lean_registry import LeanRegistry
from pipelines.stores.releases.standing import one_at_a_time, settle


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


def answer_released(settings: Settings, request: Request) -> Entry | None:
    """The release that a training made for the request before it was killed, with the request finished by it.

    None where there is none: it is to be trained. Another training would find that release by its run key, but not when
    the code or the data has changed since; a request gets one release all the same.
    """
    ledger = open_ledger(settings)
    try:
        found = (one for one in ledger.entries(request.problem, "release") if one.evidence.get("request") == request.id)
        entry = next(found, None)
        if entry is not None:
            with one_at_a_time(settings, request.problem):
                made = settings.work(request.problem) / entry.evidence["run_key"] / "history"
                settle(settings, ledger, LeanRegistry(settings), entry, made)
            evidence = {"decision": entry.outcome, "version": entry.version, "run_id": entry.run_id}
            snapshot = {"snapshot": entry.evidence.get("snapshot")}
            ledger.finish(request.id, datetime.now(UTC), entry.outcome, evidence | snapshot)
        return entry
    finally:
        ledger.close()


def _holder() -> str:
    """Who holds a lease: the flow run, so that a retry of it holds its own lease."""
    from prefect.runtime import flow_run

    return flow_run.id or f"{socket.gethostname()}:{os.getpid()}"
