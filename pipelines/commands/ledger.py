"""`ratchet ledger`: what was decided, who was champion when, and whether anything of it was changed."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.commands.arguments import Json, parse_moment
from pipelines.commands.names import problem_name
from pipelines.commands.output import decisive, remark, table, write_result
from pipelines.commands.wiring import prepare_tools, read_settings

if TYPE_CHECKING:
    from pipelines.core.settings import Settings
    from pipelines.stores.decisions.ledger import Entry
    from pipelines.stores.releases.ledger_verification import Verification


def ledger(
    problem: Annotated[str | None, typer.Argument(metavar="[PROBLEM]", help="Only this problem's.")] = None,
    kind: Annotated[
        str | None,
        typer.Option(help="Only these: release, approval, override, roll_back, verdict, retraining, rollout, key ..."),
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option("--at", parser=parse_moment, metavar="WHEN", help="Who was champion then, why, and who decided."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check that nothing was changed, put in or taken out; ends with 1 if so.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 100,
    json: Json = False,
) -> None:
    """List every decision on record, newest first."""
    settings = read_settings()
    name = problem_name(settings, problem) if problem else None
    if verify:
        _verify(settings, json)
    elif at is not None:
        _champions(settings, name, at, json)
    else:
        _list(settings, name, kind, limit, json)


def entry_json(entry: Entry) -> dict[str, Any]:
    """An entry as commands print it."""
    return {name: value for name, value in asdict(entry).items() if name != "id"}


def _list(settings: Settings, problem: str | None, kind: str | None, limit: int, json: bool) -> None:
    from pipelines.stores.decisions.ledger import Ledger

    with closing(Ledger(settings.database)) as opened:
        found = opened.entries(problem, kind, limit)

    def show() -> None:
        columns = ("at", "recorded", "problem", "kind", "outcome", "version", "by", "because", "digest")
        table("Ledger", columns, [_line(entry) for entry in found])

    write_result({"entries": [entry_json(entry) for entry in found]}, json, show)


def _line(entry: Entry) -> tuple[Any, ...]:
    recorded = None if entry.recorded_at is None else entry.recorded_at.isoformat(timespec="seconds")
    return (
        entry.at.isoformat(timespec="seconds"),
        recorded,
        entry.problem,
        entry.kind,
        entry.outcome,
        entry.version,
        entry.actor,
        decisive(entry.reasons),
        (entry.digest or "")[:12],
    )


def _champions(settings: Settings, problem: str | None, at: datetime, json: bool) -> None:
    from pipelines.stores.decisions.ledger import Ledger

    with closing(Ledger(settings.database)) as opened:
        names = [problem] if problem else opened.problems()
        found = {name: opened.champion_at(name, at) for name in names}
    told = [{"problem": name, "champion": None if one is None else one.version,
             "decision": None if one is None else entry_json(one)} for name, one in found.items()]  # fmt: skip

    def show() -> None:
        columns = ("problem", "champion", "since", "recorded", "how", "by", "because")
        lines = [_since(name, one) for name, one in found.items()]
        table(f"Champions at {at.isoformat(timespec='seconds')}", columns, lines)

    write_result({"at": at, "champions": told}, json, show)


def _since(name: str, entry: Entry | None) -> tuple[Any, ...]:
    if entry is None:
        return (name, "none", None, None, None, None, None)
    at, recorded, _, kind, outcome, version, actor, _, _ = _line(entry)
    return (name, version, at, recorded, f"{kind}: {outcome}", actor, "; ".join(entry.reasons))


def _verify(settings: Settings, json: bool) -> None:
    prepare_tools(settings, with_server=False)
    from pipelines.stores.releases.ledger_verification import verify_ledger

    found = verify_ledger(settings)
    told = {"intact": found.intact, "first": found.breaks[0] if found.breaks else None, **asdict(found)}
    write_result(told, json, lambda: _tell(found))
    if not found.intact:
        raise typer.Exit(1)


def _tell(found: Verification) -> None:
    if found.intact:
        remark(f"the ledger is what was recorded: {found.entries} entries, head {(found.head or 'none')[:12]}")
    else:
        first = found.breaks[0]
        where = f"entry {first.entry} ({first.key}): " if first.entry is not None else ""
        remark(f"the ledger was tampered with: {where}{first.what}")
        lines = [(one.entry, one.key, one.what) for one in found.breaks]
        table("What does not fit", ("entry", "key", "what is wrong"), lines)
    remark(f"looked at: {found.signed} signatures, {found.tagged} versions' tags")
    for one in found.remarks:
        remark(one)
