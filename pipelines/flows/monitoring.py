"""The monitoring flow: judge a window of the prediction log, and start the retraining it asks for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prefect import flow, task

from pipelines.core.errors import NotFound, RatchetError
from pipelines.core.settings import Settings
from pipelines.flows.moments import scheduled_moment
from pipelines.flows.notifying import notify
from pipelines.flows.progress import tell
from pipelines.flows.reconciling import dispatch_request
from pipelines.flows.requests import waiting
from pipelines.flows.tries import RETRIES
from pipelines.steps.monitor import Watched, monitor
from pipelines.stores.problems.known_problems import known_problems, resolve_problem


@task(name="monitor", task_run_name="monitor-{problem}", **RETRIES)
def watch(problem: str, settings: Settings, start: datetime | None, end: datetime | None, as_of: datetime) -> Watched:
    """The verdict on one problem's window."""
    tell("monitor", 0, 1, problem)
    watched = monitor(resolve_problem(settings, problem), settings, start, end, as_of)
    tell("monitor", 1, 1, problem)
    return watched


@flow(name="monitoring", persist_result=False)
def monitoring(
    problem: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    as_of: datetime | None = None,
) -> dict[str, Any]:
    """Judge the window from `start` to `end` (default: the problem's window up to `as_of`) with the labels known then.

    Without a problem: every one that was trained here. Then notices go out, and retraining requests that wait are
    dispatched; people are told before anything is trained, which may take a while.
    """
    settings, as_of = Settings(), as_of or scheduled_moment()
    references = [problem] if problem else list(known_problems(settings).values())
    watched, failures = [], []
    for reference in references:
        try:
            watched.append(watch(reference, settings, start, end, as_of))
        except RatchetError as error:  # what is wrong with one problem is no reason to leave the others unwatched
            failures.append(error)
    notices = notify(settings)
    dispatched = [dispatch_request(settings, request) for request in waiting(settings, datetime.now(UTC))]
    wrong = [error for error in failures if problem or not isinstance(error, NotFound)]  # never released: no matter
    if wrong:
        raise wrong[0]
    return {"watched": watched, "dispatched": dispatched, "notices": notices}
