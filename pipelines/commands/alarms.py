"""`ratchet alarms`: what is in alarm, and what people do about it."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.commands.arguments import Json, ProblemName, now, parse_moment
from pipelines.commands.names import problem_name
from pipelines.commands.output import remark, table, write_result
from pipelines.commands.wiring import read_settings

if TYPE_CHECKING:
    from pipelines.core.settings import Settings
    from pipelines.stores.alarms.notices import Notices
    from pipelines.stores.decisions.ledger import Ledger

alarms = typer.Typer(
    help="Alarms that stand, notices that went out, silences and acknowledgements. Each command takes --json.",
    no_args_is_help=True,
)

By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who does it [default: your login].")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why; it is kept with the entry.")]
Kinds = Annotated[
    list[str] | None,
    typer.Option(
        "--kind", "-k", help="performance, calibration, quality, monitor, labels, retraining; several [default: all]."
    ),
]


@alarms.command("list")
def show_all(
    problem: Annotated[str | None, typer.Argument(metavar="PROBLEM", help="Only this one [default: all].")] = None,
    json: Json = False,
) -> None:
    """List what is in alarm, the silences in force, and the newest notices with what became of them."""
    settings = read_settings()
    with _stores(settings) as (ledger, notices):
        found = _found(ledger, notices, None if problem is None else problem_name(settings, problem))

    def show() -> None:
        for name, columns in (
            ("standing", ("problem", "topic", "open", "began", "acknowledged_by")),
            ("silences", ("problem", "kinds", "until", "actor", "reason")),
            ("notices", ("made_at", "problem", "event", "subject", "state")),
        ):
            rows = [[_cell(one[column]) for column in columns] for one in found[name]]
            table(name.capitalize(), [column.replace("_", " ") for column in columns], rows)

    write_result(found, json, show)


@alarms.command("acknowledge")
def acknowledge(problem: ProblemName, reason: Reason, by: By = None, json: Json = False) -> None:
    """Say that somebody is on it: until what stands in alarm is over, no reminder of it goes out."""
    from pipelines.core.errors import NotFound
    from pipelines.stores.alarms.alarm_acts import acknowledge as record

    settings = read_settings()
    name = problem_name(settings, problem)
    with _stores(settings) as (ledger, notices):
        episodes = notices.standing(name)
        if not episodes:
            raise NotFound(f"nothing of {name} is in alarm: see `ratchet alarms list`")
        entries = [record(ledger, one, now(), by or getpass.getuser(), reason) for one in episodes]
    told = [{"problem": name, "episode": one.evidence["episode"], "entry": one.id} for one in entries]
    write_result({"acknowledged": told}, json, lambda: remark(f"{name}: acknowledged, no reminders until it is over"))


@alarms.command("silence")
def silence(
    problem: ProblemName,
    reason: Reason,
    until: Annotated[
        datetime | None, typer.Option("--until", parser=parse_moment, metavar="WHEN", help="When it ends.")
    ] = None,
    lasting: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="The same, such as 8h or 3d.")
    ] = None,
    kind: Kinds = None,
    lift: Annotated[bool, typer.Option("--lift", help="End the silence of these kinds now.")] = False,
    by: By = None,
    json: Json = False,
) -> None:
    """Keep notices back for a while; verdicts and retraining go on. Give --until, --for or --lift."""
    from pipelines.stores.alarms import alarm_acts

    if sum([until is not None, lasting is not None, lift]) != 1:
        raise typer.BadParameter("give one of --until, --for and --lift")
    settings, at, actor = read_settings(), now(), by or getpass.getuser()
    name = problem_name(settings, problem)
    with _stores(settings) as (ledger, _):
        if lift:
            entry = alarm_acts.unsilence(ledger, name, kind, at, actor, reason)
        else:
            end = until or at + _duration(str(lasting))
            entry = alarm_acts.silence(ledger, name, kind, end, at, actor, reason)
    told = {"problem": name, "outcome": entry.outcome, "entry": entry.id, **entry.evidence}
    write_result(told, json, lambda: remark(f"{name}: {entry.outcome}, entry {entry.id} of the ledger"))


def _duration(text: str) -> Any:
    from pipelines.core.problem import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _found(ledger: Ledger, notices: Notices, problem: str | None) -> dict[str, list[dict[str, Any]]]:
    from pipelines.stores.alarms.alarm_acts import acknowledgements, silences

    known = acknowledgements(ledger, problem)
    standing = []
    for episode in notices.standing(problem):
        by = known.get(episode.key)
        standing.append(asdict(episode) | {"acknowledged_by": None if by is None else by.actor})
    told = [asdict(one) | {"state": _state(notices, one.id, one.withheld)} for one in notices.notices(problem, 20)]
    return {
        "standing": standing,
        "silences": [asdict(one) for one in silences(ledger, now(), problem)],
        "notices": told,
    }


def _state(notices: Notices, notice_id: int, withheld: str | None) -> str:
    """What became of a notice on its way."""
    if withheld is not None:
        return withheld
    ways = notices.deliveries(notice_id)
    return ", ".join(f"{one.channel} {one.state}" for one in ways) or "kept (no address is set)"


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return "" if value is None else str(value)


@contextmanager
def _stores(settings: Settings) -> Iterator[tuple[Ledger, Notices]]:
    from pipelines.stores.alarms.notices import Notices
    from pipelines.stores.decisions.ledger import open_ledger

    ledger, notices = open_ledger(settings), Notices(settings.database)
    try:
        yield ledger, notices
    finally:
        notices.close()
        ledger.close()
