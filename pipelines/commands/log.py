"""`ratchet log`: what of the prediction log is sealed, and the sealing itself."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.commands.arguments import Json, now, parse_moment
from pipelines.commands.names import problem_name
from pipelines.commands.output import remark, table, write_result
from pipelines.commands.wiring import read_settings

if TYPE_CHECKING:
    from pipelines.stores.sql.segment_tables import Segment

log = typer.Typer(
    help="The prediction log's archive: old answers and labels as Parquet files. Each command takes --json.",
    no_args_is_help=True,
)
Only = Annotated[str | None, typer.Argument(metavar="[PROBLEM]", help="Only this problem's [default: all].")]


def _age(text: str) -> timedelta:
    from pipelines.core.problem import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@log.command("seal")
def seal(
    problem: Only = None,
    older_than: Annotated[
        timedelta | None,
        typer.Option(parser=_age, metavar="DURATION", help="How long ago it was answered at least [default: 90d]."),
    ] = None,
    before: Annotated[
        datetime | None, typer.Option(parser=parse_moment, metavar="WHEN", help="What was answered before then.")
    ] = None,
    json: Json = False,
) -> None:
    """Move old answers with their labels from the database to Parquet files; everything reads them as before.

    Only whole months of the answers' own moments are sealed.
    """
    from pipelines.stores.logbook.log_sealing import KEPT, seal_log

    if older_than is not None and before is not None:
        raise typer.BadParameter("give --older-than or --before, not both")
    settings, moment = read_settings(), now()
    name = problem_name(settings, problem) if problem else None
    bound = before or moment - (KEPT if older_than is None else older_than)
    report = seal_log(settings, bound, moment, name, lambda of, rows: remark(f"{of}: {rows:,} rows sealed"))

    def show() -> None:
        remark(
            f"{report.rows:,} predictions and {report.labels:,} labels of before {report.moments_before:%Y-%m-%d} "
            f"are in {report.segments} segments more ({report.bytes / 1e6:.1f} MB)"
        )
        if report.late:
            remark(f"{report.late:,} of the labels had come after their answers were sealed")
        if report.partitions:
            remark(f"empty partitions dropped: {', '.join(report.partitions)}")
        if report.tidied:
            remark(f"files of a sealing that was killed: {report.tidied} removed")

    write_result(asdict(report), json, show)


@log.command("segments")
def segments(
    problem: Only = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read each file and compare its digest; ends with 1 if any differs.")
    ] = False,
    json: Json = False,
) -> None:
    """List the sealed segments: which moments and rows each holds, and its file's digest."""
    from pipelines.stores.logbook.archive import archive_url
    from pipelines.stores.logbook.log_sealing import sealed_segments, verify_segments

    settings = read_settings()
    name = problem_name(settings, problem) if problem else None
    found = sealed_segments(settings, name)
    wrong = verify_segments(settings, name) if verify else []
    told: dict[str, Any] = {"archive": archive_url(settings), "segments": [asdict(one) for one in found]}

    def show() -> None:
        columns = ("problem", "from", "to", "rows", "labels", "MB", "digest", "path")
        table(f"Sealed segments in {told['archive']}", columns, [_line(one) for one in found])
        for one in wrong:
            remark(one)
        if verify and not wrong:
            remark(f"{len(found)} files are what was sealed")

    write_result({**told, **({"wrong": wrong} if verify else {})}, json, show)
    if wrong:
        raise typer.Exit(1)


def _line(one: Segment) -> tuple[Any, ...]:
    days = (f"{one.first_moment:%Y-%m-%d}", f"{one.last_moment:%Y-%m-%d}")
    return (one.problem, *days, f"{one.rows:,}", f"{one.labels:,}", f"{one.size / 1e6:.2f}", one.digest[:12], one.path)
