"""`ratchet check`: data beside the contract in force, before anything is made of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.commands.arguments import AsOf, Json, ProblemName, now
from pipelines.commands.output import remark, table, write_result
from pipelines.commands.wiring import prepare_tools, read_settings
from pipelines.core.errors import ContractError

if TYPE_CHECKING:
    from pipelines.steps.check_data import DataCheck

Report = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Write what was found as Markdown, for a pull request.")
]


def check(
    problem: ProblemName,
    as_of: AsOf = None,
    rows: Annotated[
        Path | None,
        typer.Option("--table", metavar="FILE", exists=True, help="Check this table [default: the problem's source]."),
    ] = None,
    accept_schema: Annotated[
        bool, typer.Option("--accept-schema", help="A breaking change of the schema is meant.")
    ] = False,
    most_set_aside: Annotated[
        float, typer.Option(min=0, max=1, metavar="SHARE", help="Rows that may break the contract.")
    ] = 0.05,
    report: Report = None,
    json: Json = False,
) -> None:
    """Judge data as the next ingest would, by the contract in force here or else the champion's; nothing is written.

    Ends with 0 when the data fits, and with 5 when the schema breaks the contract or too many rows do.
    """
    settings = read_settings()
    prepare_tools(settings, with_server=False)
    from pipelines.cards.change_reports import data_report
    from pipelines.steps.check_data import check_data
    from pipelines.stores.problems.known_problems import resolve_problem
    from pipelines.stores.storage.files import write_atomic

    loaded = resolve_problem(settings, problem)
    found = check_data(loaded, settings, as_of or now(), rows, accept_schema, most_set_aside)
    result = asdict(found)
    if report is not None:
        write_atomic(report, data_report(result).encode())
    write_result(result, json, lambda: _show(found))
    if not found.passed:
        raise typer.Exit(ContractError.exit_code)


def _show(found: DataCheck) -> None:
    facts = [
        ("checked against", found.against),
        ("rows", f"{found.rows:,}"),
        ("labelled", f"{found.labelled:,}"),
        ("set aside", f"{found.set_aside:,}"),
        *(("schema", one) for one in found.schema_change["messages"]),
        *(("finding", one) for one in found.findings),
    ]
    table(f"{found.problem}: {'passed' if found.passed else 'failed'}", ("what", "value"), facts)
    if found.reasons:
        rows = [(one["column"], one["example"], one["rows"]) for one in found.reasons]
        table("Rows set aside", ("column", "for example", "rows"), rows)
    for one in found.unseen:
        remark(f"never seen before: {one['column']}: {one['told']} ({one['rows']:,} rows)")
