"""The reconciling flow: no retraining request and no notice is forgotten, whatever was down when it was made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prefect import flow, task

from pipelines.core.settings import Settings
from pipelines.flows.moments import scheduled_moment
from pipelines.flows.notifying import notify
from pipelines.flows.requests import ask_again, ask_by_schedule, dispatch, has_server, waiting
from pipelines.flows.tries import RETRIES
from pipelines.stores.decisions.ledger import Request


@task(name="dispatch request", task_run_name="{request.problem}", retries=2, retry_delay_seconds=5, cache_policy=None)
def dispatch_request(settings: Settings, request: Request) -> dict[str, Any]:
    """Give one waiting request to a training."""
    return dispatch(settings, request, has_server())


@task(name="ask", task_run_name="ask", **RETRIES)
def ask(settings: Settings, scheduled: str | None, due: datetime) -> None:
    """Make the requests that are owed: by a problem's schedule, and by verdicts whose judge was killed."""
    if scheduled is not None:
        ask_by_schedule(settings, scheduled, due)
    ask_again(settings)


@flow(name="reconciling", persist_result=True, result_serializer="json")
def reconciling(scheduled: str | None = None) -> list[dict[str, Any]]:
    """Dispatch every retraining request that nobody works on, and send what notices are due; what was dispatched.

    `scheduled`: a problem (path or name) that is due for training by its `retraining.schedule`; the policy decides.
    """
    settings = Settings()
    ask(settings, scheduled, scheduled_moment())
    notify(settings, watch=True)
    return [dispatch_request(settings, request) for request in waiting(settings, datetime.now(UTC))]
