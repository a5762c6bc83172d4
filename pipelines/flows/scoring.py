"""The scoring flow: a table's rows answered by the champion."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from prefect import flow, task

from pipelines.core.settings import Settings
from pipelines.flows.moments import scheduled_moment
from pipelines.flows.progress import tell
from pipelines.flows.run_names import problem_of_run
from pipelines.flows.tries import RETRIES
from pipelines.steps.score import Scored, score_table


@task(name="score", task_run_name="score-{problem}", **RETRIES)
def score_rows(problem: str, settings: Settings, table: Path, output: Path, as_of: datetime, log: bool) -> Scored:
    """The scored table."""
    tell("score", 0, 1, f"{table.name}")
    scored = score_table(problem, settings, table, output, as_of, log, lambda done, text: tell("score", 0, 1, text))
    tell("score", 1, 1, f"{output.name}")
    return scored


@flow(name="scoring", flow_run_name=problem_of_run, persist_result=False)
def scoring(problem: str, table: Path, output: Path, as_of: datetime | None = None, log: bool = True) -> Any:
    """Score the rows of `table` with the champion into `output`; `log` keeps the answers in the prediction log."""
    return score_rows(problem, Settings(), Path(table), Path(output), as_of or scheduled_moment(), log)
