"""`ratchet predict`: a table scored by the champion."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.commands.arguments import AsOf, Json, ProblemName, now
from pipelines.commands.flow_run import flow_run
from pipelines.commands.live_progress import live_progress
from pipelines.commands.names import problem_name
from pipelines.commands.output import plain, table, write_result
from pipelines.commands.wiring import prepare_tools, read_settings

if TYPE_CHECKING:
    from datetime import datetime

    from pipelines.core.settings import Settings
    from pipelines.steps.score import Scored


def predict(
    problem: ProblemName,
    rows: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV or Parquet file with the features.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where the answers go: .csv or .parquet.")
    ],
    as_of: AsOf = None,
    log: Annotated[
        bool, typer.Option(help="Keep the answers in the prediction log, for labels and monitoring.")
    ] = True,
    json: Json = False,
) -> None:
    """Answer every row of a table with the champion. Rows that break the contract get an `error` instead."""
    settings = read_settings()
    served = prepare_tools(settings)
    name, moment = problem_name(settings, problem), as_of or now()
    if served:
        with flow_run("scoring", "scoring") as scoring:
            scored = scoring(name, rows, output, as_of=moment, log=log)
    else:
        scored = _score(settings, name, rows, output, moment, log)
    result: dict[str, Any] = plain(scored)
    write_result(result, json, lambda: table("Scored", ("what", "value"), list(result.items())))


def _score(settings: Settings, name: str, rows: Path, output: Path, as_of: datetime, log: bool) -> Scored:
    """The step itself: without a server nobody would see the flow run, and waking one takes longer than scoring."""
    with live_progress() as listener:
        listener("score", 0, 1, rows.name)
        from pipelines.steps.score import score_table

        tell = partial(listener, "score", 0, 1)
        scored = score_table(name, settings, rows, output, as_of, log, lambda done, text: tell(text))
        listener("score", 1, 1, f"{scored.rows:,} rows")
    return scored
