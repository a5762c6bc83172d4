"""`ratchet releases`, `promote` and `rollback`: what was released, and a person's word on it."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.commands.arguments import Json, ProblemName, now
from pipelines.commands.names import problem_name
from pipelines.commands.output import decisive, remark, table, write_result
from pipelines.commands.wiring import prepare_tools, read_settings

if TYPE_CHECKING:
    from pipelines.core.settings import Settings
    from pipelines.stores.releases.champion_moves import Moved

Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; it is kept with the decision.")]
_SHOWN = ("release", "approval", "override", "roll_back", "rollout")  # the rest is in `ratchet ledger`
Actor = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who decides [default: your login].")]


def releases(
    problem: Annotated[str | None, typer.Argument(metavar="[PROBLEM]", help="Only this problem's.")] = None,
    json: Json = False,
) -> None:
    """List every registered version with its aliases, and the decisions on releases, newest first."""
    settings = read_settings()
    prepare_tools(settings, with_server=False)
    from pipelines.stores.registry.registry import Registry

    registry = Registry(settings)
    names = [problem_name(settings, problem)] if problem else registry.problems()
    found = [_release(one) for name in names for one in registry.releases(name)]
    decisions = [one for name in names for one in _decisions(settings, name)]

    def show() -> None:
        columns = ("problem", "version", "aliases", "model digest", "run")
        rows = [
            (one["problem"], one["version"], ", ".join(one["aliases"]), one["model_digest"][:12], one["run_id"])
            for one in found
        ]
        table("Releases", columns, rows)
        lines = [
            (one["at"], one["problem"], one["outcome"], one["version"], one["actor"], decisive(one["reasons"]))
            for one in decisions
        ]
        table("Decisions", ("at", "problem", "outcome", "version", "by", "because"), lines)

    write_result({"releases": found, "decisions": decisions}, json, show)


def promote(
    problem: ProblemName,
    version: Annotated[int, typer.Argument(help="The version to promote.")],
    reason: Reason,
    by: Actor = None,
    json: Json = False,
) -> None:
    """Make a version the champion against or without the gate's word: name and reason are kept in the ledger."""
    settings = read_settings()
    prepare_tools(settings, with_server=False)
    from pipelines.stores.releases.champion_moves import promote_by_hand

    name = problem_name(settings, problem)
    moved = promote_by_hand(name, settings, version, now(), by or getpass.getuser(), reason)
    _tell(moved, json)


def rollback(
    problem: ProblemName,
    reason: Reason,
    version: Annotated[
        int | None, typer.Option("--to", metavar="VERSION", help="[default: the champion before this one]")
    ] = None,
    by: Actor = None,
    json: Json = False,
) -> None:
    """Go back to an earlier champion; name and reason are kept in the ledger."""
    settings = read_settings()
    prepare_tools(settings, with_server=False)
    from pipelines.stores.releases.champion_moves import roll_back

    name = problem_name(settings, problem)
    moved = roll_back(name, settings, version, now(), by or getpass.getuser(), reason)
    _tell(moved, json)


def _tell(moved: Moved, json: bool) -> None:
    change = f"version {moved.version} is the champion, before it was {moved.before}"
    line = f"{moved.problem}: {change} ({moved.actor}: {moved.reason})"
    write_result(asdict(moved), json, lambda: remark(line))


def _release(one: Any) -> dict[str, Any]:
    return {
        "problem": one.problem,
        "version": one.version,
        "aliases": list(one.aliases),
        "model_digest": one.digest,
        "run_id": one.run_id,
    }


def _decisions(settings: Settings, problem: str) -> list[dict[str, Any]]:
    from pipelines.stores.decisions.ledger import Ledger

    ledger = Ledger(settings.database)
    try:
        entries = ledger.entries(problem, limit=500)
    finally:
        ledger.close()
    names = ("at", "problem", "kind", "outcome", "version", "actor", "reasons", "digest")
    found = [{name: getattr(entry, name) for name in names} for entry in entries if entry.kind in _SHOWN]
    return [one | {"at": one["at"].isoformat(timespec="seconds")} for one in found]
