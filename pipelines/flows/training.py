"""The training flow: from the source to a recorded decision."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow

from pipelines.core.settings import Settings
from pipelines.flows import training_tasks as tasks
from pipelines.flows.answering import answering
from pipelines.flows.locks import one_training
from pipelines.flows.moments import scheduled_moment
from pipelines.flows.run_names import problem_of_run
from pipelines.steps.release import Asked
from pipelines.stores.problems.known_problems import remember_problem, resolve_problem

WAIT = 900.0  # seconds that a training waits for another one of the same problem


@flow(name="training", flow_run_name=problem_of_run, persist_result=True, result_serializer="json")
def training(
    problem: str,
    as_of: datetime | None = None,
    request_id: int | None = None,
    accept_schema: bool = False,
    wait: float = WAIT,
    actor: str = "flow",
    because: str | None = None,
) -> dict[str, Any]:
    """Train a candidate on what was known at `as_of` (default: when the run was due) and let the gate decide.

    `because`: a person's reason to change models; a request that an alarm made is one by itself. Killed anywhere and
    run again it gives the same release: every step finds what it had finished.
    """
    settings, as_of = Settings(), as_of or scheduled_moment()
    loaded = resolve_problem(settings, problem)
    remember_problem(settings, loaded)
    with one_training(settings, loaded.problem.name, wait), answering(settings, request_id) as answer:
        ingested = tasks.ingest_source(loaded, settings, as_of, accept_schema)
        run = tasks.open_run(loaded, settings, ingested)
        tasks.prepare_rows(loaded, ingested, run)
        tasks.featurize_rows(loaded, run)
        tasks.train_model(loaded, settings, run)
        asked = Asked(actor, request_id, because)
        summary = tasks.decide_and_release(loaded, settings, run, ingested, as_of, asked)
        answer(summary)
    return summary
