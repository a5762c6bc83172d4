"""The reconciling flow: no retraining request is forgotten, whatever was down when it was made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prefect import flow, task

from pipelines.core.settings import Settings
from pipelines.flows.requests import dispatch, has_server, waiting
from pipelines.stores.ledger import Request


@task(name="dispatch request", task_run_name="{request.problem}", retries=2, retry_delay_seconds=5, cache_policy=None)
def dispatch_request(settings: Settings, request: Request) -> dict[str, Any]:
    """Give one waiting request to a training."""
    return dispatch(settings, request, has_server())


@flow(name="reconciling", persist_result=True, result_serializer="json")
def reconciling() -> list[dict[str, Any]]:
    """Dispatch every retraining request that nobody works on; what was done for each."""
    settings = Settings()
    return [dispatch_request(settings, request) for request in waiting(settings, datetime.now(UTC))]
