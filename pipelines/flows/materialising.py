"""The materialising flow: renew the history that serving reads."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow, task

from pipelines.core.settings import Settings
from pipelines.flows.mapping import map_task
from pipelines.flows.moments import scheduled_moment
from pipelines.flows.progress import tell
from pipelines.flows.tries import RETRIES
from pipelines.steps.featurize import materialise
from pipelines.stores.problems.known_problems import known_problems, resolve_problem


@task(name="materialise", task_run_name="materialise-{problem}", **RETRIES)
def renew_history(problem: str, settings: Settings, as_of: datetime) -> Any:
    """The history store of one problem, as of a moment."""
    tell("materialise", 0, 1, problem)
    made = materialise(resolve_problem(settings, problem), settings, as_of)
    tell("materialise", 1, 1, problem)
    return made


@flow(name="materialising", persist_result=False)
def materialising(problem: str | None = None, as_of: datetime | None = None) -> list[Any]:
    """Read the source as of `as_of` and replace the history that the prediction service looks up.

    Without a problem: of every one that was trained here; one that fails does not keep the others from it.
    """
    settings, as_of = Settings(), as_of or scheduled_moment()
    references = [problem] if problem else list(known_problems(settings).values())
    calls = [{"problem": reference, "settings": settings, "as_of": as_of} for reference in references]
    return [state.result() for state in map_task(settings, renew_history, calls)]
