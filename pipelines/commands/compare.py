"""`ratchet compare`: two releases on the same rows, and what is not the same in how they were made."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipelines.commands.arguments import Json, now
from pipelines.commands.names import split_release
from pipelines.commands.output import number, remark, table, write_result
from pipelines.commands.wiring import prepare_tools, read_settings
from pipelines.core.errors import ProblemError

if TYPE_CHECKING:
    from pipelines.core.evaluation.side_by_side import Pair
    from pipelines.core.metrics import Comparison
    from pipelines.steps.compare_releases import Compared


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A release: PROBLEM@VERSION, or a version of --problem.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The release to compare with it.")],
    problem: Annotated[
        str | None, typer.Option("--problem", metavar="PROBLEM", help="Which problem's versions A and B are.")
    ] = None,
    on: Annotated[
        Literal["held-out", "log"],
        typer.Option(help="Rows: those held out from the newer one, or those labelled since it was made."),
    ] = "held-out",
    json: Json = False,
) -> None:
    """Measure both releases on the same rows, metric by metric and slice by slice, and list how their making differs.

    A gain above 0 says that B is better; an interval that holds 0 says that nobody can tell.
    """
    settings = read_settings()
    prepare_tools(settings, with_server=False)
    from pipelines.steps.compare_releases import compare_releases

    known = problem or first.rpartition("@")[0] or second.rpartition("@")[0] or None
    (name, one), (other_name, other) = (split_release(settings, reference, known) for reference in (first, second))
    if name != other_name:
        raise ProblemError(f"{first} and {second} answer different problems: there are no rows to measure both on")
    found = compare_releases(name, settings, one, other, on, now())
    write_result(asdict(found), json, lambda: _show(found))


def _show(found: Compared) -> None:
    remark(f"{found.problem}: version {found.first} (A) and {found.second} (B) on {found.on}")
    columns = ("A", "B", "gain of B over A", "credibly better")
    if found.measured is None:
        remark(f"they cannot be measured on the same rows: {found.reason}")
    else:
        table("Metrics", ("metric", *columns), [(one.metric, *_cells(one)) for one in found.measured.metrics])
        slices = [(f"{one.column} = {one.value}", one.rows, *_cells(one)) for one in found.measured.slices]
        if slices:
            table(f"{found.measured.primary} by slice", ("slice", "rows", *columns), slices)
    facts = [(one.name, one.before, one.after) for one in found.lineage.facts]
    facts += [(f"contract: {one.name}", one.before, one.after) for one in found.lineage.contract]
    table("What differs in their making", ("fact", "A", "B"), facts)
    if found.lineage.problem:
        table("Problem files, from A to B", ("line",), [(line,) for line in found.lineage.problem])
    for note in [*found.notes, *(found.measured.notes if found.measured is not None else [])]:
        remark(note)


def _cells(one: Pair) -> tuple[str, str, str, str]:
    better = {"first": "A", "second": "B", None: "–"}[one.credible]
    return number(one.first.value), number(one.second.value), _span(one.gain), better


def _span(gain: Comparison) -> str:
    if gain.difference is None:
        return gain.reason or "–"
    if gain.low is None or gain.high is None:
        return f"{gain.difference:+.4g}"
    return f"{gain.difference:+.4g} ({gain.low:+.4g} to {gain.high:+.4g})"
