"""Retraining requests that wait, and how each is given to a training.

The request in the ledger is the truth. Prefect's idempotency keys make overlapping dispatchers start one run; when that
run has ended without finishing its request (a crash, an error), the next attempt has a key of its own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pipelines.core.errors import Busy, RatchetError
from pipelines.core.retraining import Labels, RetrainDecision
from pipelines.core.settings import Settings
from pipelines.flows.answering import answer_released
from pipelines.flows.training import training
from pipelines.stores.decisions.ledger import Ledger, Request, open_ledger
from pipelines.stores.decisions.retraining_asks import ask_forgotten, ask_scheduled
from pipelines.stores.logbook.prediction_log import open_log
from pipelines.stores.problems.known_problems import known_problems, resolve_problem
from pipelines.stores.releases.champion_labels import champion_labels
from pipelines.stores.releases.champions import find_champion

ATTEMPTS = 3
DEPLOYMENT = "training/training"


def waiting(settings: Settings, now: datetime) -> list[Request]:
    """Requests that nobody works on: open ones, and running ones whose holder has fallen silent."""
    ledger = Ledger(settings.database)
    try:
        found = ledger.requests(states=("open", "running"))
    finally:
        ledger.close()
    return [one for one in found if one.state == "open" or one.lease_until is None or one.lease_until <= now]


def ask_again(settings: Settings) -> list[Request]:
    """The requests that verdicts called for and nobody made, since whoever judged was killed in between."""
    ledger = open_ledger(settings)
    try:
        found = [ask_forgotten(ledger, problem) for problem in ledger.problems()]
    finally:
        ledger.close()
    return [one for one in found if one is not None]


def ask_by_schedule(settings: Settings, reference: str, due: datetime) -> RetrainDecision:
    """The policy's decision on the training that a problem's `retraining.schedule` is due for, carried out."""
    problem = resolve_problem(settings, reference).problem
    ledger, log = open_ledger(settings), open_log(settings)
    try:
        champion = find_champion(settings, problem.name)
        labels = Labels() if champion is None else champion_labels(log, champion, problem.name, due)
        return ask_scheduled(ledger, problem, labels, due)
    finally:
        log.close()
        ledger.close()


def has_server() -> bool:
    """Whether flows of this process run against a Prefect server, and not one of their own that ends with them."""
    from prefect.settings import get_current_settings

    return bool(get_current_settings().api.url)


def dispatch(settings: Settings, request: Request, to_server: bool) -> dict[str, Any]:
    """Start the training that the request asks for, on the Prefect server or here and now, unless it is released."""
    released = answer_released(settings, request)
    if released is not None:  # whoever trained it was killed before it could say so
        return _report(request, "done", decision=released.outcome, version=released.version)
    if to_server:
        return _dispatch_to_server(settings, request)
    return _run_here(settings, request)


def _parameters(settings: Settings, request: Request) -> dict[str, Any]:
    reference = known_problems(settings).get(request.problem, request.problem)
    return {"problem": reference, "as_of": request.as_of.isoformat(), "request_id": request.id}


def _dispatch_to_server(settings: Settings, request: Request) -> dict[str, Any]:
    from prefect.deployments import run_deployment
    from prefect.exceptions import ObjectNotFound

    for attempt in range(1, ATTEMPTS + 1):
        try:
            run = run_deployment(
                DEPLOYMENT,
                parameters=_parameters(settings, request),
                idempotency_key=f"{request.key}#{attempt}",
                as_subflow=False,
                timeout=0,
            )
        except ObjectNotFound:
            return _report(request, "waits: the server has no training deployment yet, a worker registers it")
        if not _has_failed(run, request):
            _note(settings, request, str(run.id))
            return _report(request, "dispatched", flow_run_id=str(run.id), attempt=attempt)
    return _give_up(settings, request, f"gave up after {ATTEMPTS} attempts; the last flow run was {run.id}")


def _has_failed(run: Any, request: Request) -> bool:
    """Whether that attempt can no longer finish the request: the run is over, or its process has died unnoticed."""
    over = run.state is not None and run.state.is_final()
    silent = run.state is not None and run.state.is_running() and request.state == "running"
    return bool(over or (silent and request.holder == str(run.id)))


def _run_here(settings: Settings, request: Request) -> dict[str, Any]:
    try:
        summary = training(**_parameters(settings, request), wait=1.0)
    except Busy as error:  # somebody else trains this problem: the next reconciling looks again
        return _report(request, f"waits: {error}")
    except RatchetError as error:
        return _give_up(settings, request, f"{type(error).__name__}: {error}")
    return _report(request, "done", decision=summary["decision"], version=summary["version"])


def _note(settings: Settings, request: Request, flow_run_id: str) -> None:
    ledger = Ledger(settings.database)
    try:
        ledger.dispatched(request.id, flow_run_id)
    finally:
        ledger.close()


def _give_up(settings: Settings, request: Request, why: str) -> dict[str, Any]:
    ledger = open_ledger(settings)
    try:
        ledger.finish(request.id, datetime.now(UTC), why[:200], state="failed")
    finally:
        ledger.close()
    return _report(request, why)


def _report(request: Request, outcome: str, **more: Any) -> dict[str, Any]:
    return {"request_id": request.id, "problem": request.problem, "outcome": outcome, **more}
