"""`ratchet init`: drafts a problem file from a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.commands.arguments import Json
from pipelines.commands.output import write_result
from pipelines.core.problem_parts import Task

if TYPE_CHECKING:
    from pipelines.steps.draft import Drafted


def init(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV file (also .gz, .zip) or Parquet file.")],
    target: Annotated[str, typer.Option("--target", metavar="COLUMN", help="Column to predict.")],
    time: Annotated[
        str | None,
        typer.Option("--time", metavar="COLUMN", help="Column with the moment at which a prediction is asked for."),
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option("--drop", metavar="COLUMN", help="Column to ignore; may be repeated.")
    ] = None,
    task: Annotated[
        Task | None, typer.Option("--task", help="What to learn [default: what the target's values suggest].")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Name of the problem [default: from the table's]."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="File to write [default: NAME.yaml]."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that says something else.")] = False,
    json: Json = False,
) -> None:
    """Draft a problem file from a table: what it infers as keys, suspected leaks as comments."""
    from pipelines.steps.draft import draft_problem, problem_name, write_draft

    place = output or Path(f"{name or problem_name(table.name)}.yaml")
    drafted = draft_problem(table, target, time, drop or [], name, place.absolute().parent, task)
    write_draft(drafted, place, force)
    write_result(_result(drafted, place), json, lambda: _show(drafted, place))


def _result(drafted: Drafted, place: Path) -> dict[str, Any]:
    from pipelines.core.drafting import KINDS

    draft = drafted.draft
    return {
        "problem": drafted.name,
        "file": str(place),
        "task": draft.task,
        "target": draft.target,
        "positive": draft.positive,
        "time": draft.time,
        "key": draft.key,
        "rows": draft.rows,
        "features": {kind: [column.name for column in draft.of_kind(kind)] for kind in KINDS},
        "time_candidates": [column.name for column in draft.time_candidates],
        "suspects": [
            {"column": one.column, "reason": one.reason, "score": one.score, "sure": one.sure}
            for one in draft.suspicions
        ],
    }


def _show(drafted: Drafted, place: Path) -> None:
    from pipelines.core.drafting import KINDS
    from pipelines.core.facts import one_line
    from pipelines.steps.draft_text import too_few_labels, variants_told

    draft = drafted.draft
    typer.echo(f"{place}: {draft.task}, {draft.target_facts}")
    counted = {kind: len(draft.of_kind(kind)) for kind in KINDS}
    typer.echo("features: " + ", ".join(f"{count} {kind}" for kind, count in counted.items() if count))
    lacking = too_few_labels(draft)
    if lacking:
        typer.echo(lacking)
    if draft.variants:
        typer.echo(f"to check: {one_line(draft.target)!r}: {one_line(variants_told(draft), 200)}")
    if draft.repeated:
        typer.echo(f"to check: {draft.repeated:,} rows equal an earlier one in all but identifiers")
    for column in draft.time_candidates[:3]:
        typer.echo(f"no time column given; {column.name!r} may be one: --time")
    for one in draft.suspicions[:20]:
        typer.echo(f"{'suspected leak' if one.sure else 'to check'}: {one_line(one.column)!r} {one.reason}")
    typer.echo(f"next: read the comments, then  ratchet train {place}")
