"""`ratchet reproduce`: make a release again from what the ledger holds of it, and say what differs."""

from __future__ import annotations

import getpass
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.commands.arguments import Json, now
from pipelines.commands.names import split_release
from pipelines.commands.output import remark, table, write_result
from pipelines.commands.wiring import prepare_tools, read_settings

if TYPE_CHECKING:
    from pipelines.steps.reproduce import Reproduced


def reproduce(
    release: Annotated[str, typer.Argument(metavar="PROBLEM@VERSION", help="Which release, as in flights@3.")],
    repository: Annotated[
        Path | None,
        typer.Option(
            "--repository", metavar="FOLDER", exists=True, help="Git repository of the code [default: this one's]."
        ),
    ] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="FOLDER", help="New folder for everything that the run makes.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who asks [default: your login].")] = None,
    json: Json = False,
) -> None:
    """Fetch the snapshot, problem file and code of a release by the ledger, run it again in a clean place, and compare.

    Ends with 0 when the model is the same, bit for bit, and with 1 when it is not; what differs is said either way, and
    the outcome is recorded in the ledger.
    """
    started = time.monotonic()
    settings = read_settings()
    prepare_tools(settings, with_server=False)
    from pipelines.steps.reproduce import reproduce as run

    name, version = split_release(settings, release)
    found = run(name, settings, version, now(), by or getpass.getuser(), repository, keep, remark)
    result: dict[str, Any] = {**asdict(found), "seconds": round(time.monotonic() - started, 2)}
    write_result(result, json, lambda: _show(found))
    if found.outcome != "same":
        raise typer.Exit(1)


def _show(found: Reproduced) -> None:
    answers = found.answers
    facts = [
        ("outcome", found.told),
        ("model recorded", found.recorded_digest),
        ("model made", found.made_digest or "none"),
        ("held-out rows compared", "none" if answers is None else f"{answers.rows:,}"),
        ("largest difference", "–" if answers is None or answers.largest is None else f"{answers.largest:.3g}"),
        ("code", f"commit {found.commit[:12]}" if found.commit else "the present one"),
        *(("note", note) for note in found.notes),
    ]
    table(f"{found.problem}@{found.version}: {found.outcome}", ("", ""), facts)
    if found.findings:
        lines = [(one.part, one.told, "\n".join(one.details)) for one in found.findings]
        table("What differs", ("part", "what", "details"), lines)
