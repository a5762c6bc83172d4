"""The materialising flow: renew the history that serving reads."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow, task

from pipelines.core.settings import Settings
from pipelines.flows.moments import scheduled_moment
from pipelines.flows.progress import tell
from pipelines.flows.tries import RETRIES
from pipelines.steps.featurize import materialise
from pipelines.stores.known_problems import resolve_problem


@task(name="materialise", task_run_name="materialise-{problem}", **RETRIES)
def renew_history(problem: str, settings: Settings, as_of: datetime) -> Any:
    """The history store of one problem, as of a moment."""
    tell("materialise", 0, 1, problem)
    made = materialise(resolve_problem(settings, problem), settings, as_of)
    tell("materialise", 1, 1, problem)
    return made


@flow(name="materialising", flow_run_name="{problem}", persist_result=False)
def materialising(problem: str, as_of: datetime | None = None) -> Any:
    """Read the source as of `as_of` and replace the history that the prediction service looks up."""
    return renew_history(problem, Settings(), as_of or scheduled_moment())
