"""What asks for a person: alarms, releases that wait for a word, trainings that failed, silences in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.stores.alarms.alarm_acts import Silence, acknowledgements, silences
from pipelines.stores.decisions.ledger import approval_key
from pipelines.stores.releases.standing import AWAITING
from pipelines.stores.sql.ledger_tables import Entry, Request
from pipelines.stores.sql.notice_tables import Episode
from services.console.desk import Desk
from services.console.health import Window
from services.console.phrases import ago, lasting, moment


@dataclass(frozen=True)
class Call:
    """One thing to look at: `tone` is bad, care, good or plain; `deeds` are the actions that answer it."""

    tone: str
    title: str
    text: str
    to: str | None = None
    deeds: tuple[tuple[str, str], ...] = ()
    """(action, words on its link)."""


def calls(desk: Desk, problem: str, last: Window | None) -> list[Call]:
    """What asks for a person on this problem, the most pressing first."""
    now, here = desk.clock(), f"/problems/{problem}"
    silent = silences(desk.ledger, now, problem)
    found = [*_episodes(desk, problem, here, silent)]
    if not found and last is not None and last.level == "alarm":
        found.append(Call("bad", "Alarm", _first(last.reasons), f"{here}/verdicts/{last.id}", _ANSWERS[1:]))
    found += [_waiting(entry, here) for entry in waiting_releases(desk, problem)]
    found += [_request(one, here, now) for one in desk.ledger.requests(problem, ("open", "running"))]
    found += [_silence(one) for one in silent]
    return found


def waiting_releases(desk: Desk, problem: str) -> list[Entry]:
    """Releases that the gate would promote and on which nobody has spoken yet, the newest first."""
    found = desk.pages.page(problem, ["release"], AWAITING, limit=20)
    return [one for one in found if desk.ledger.find(approval_key(one)) is None]


def unseen_episodes(desk: Desk, problem: str) -> list[Episode]:
    """Alarms that last and that nobody has acknowledged."""
    seen = acknowledgements(desk.ledger, problem)
    return [one for one in desk.notices.standing(problem) if one.key not in seen]


_ANSWERS = (("acknowledge", "Acknowledge"), ("silence", "Silence"), ("retrain", "Retrain now"))


def _episodes(desk: Desk, problem: str, here: str, silent: Sequence[Silence]) -> list[Call]:
    """Alarms that last, as the notices tell them: since when, who has seen them."""
    found, seen = [], acknowledgements(desk.ledger, problem)
    for one in desk.notices.standing(problem):
        by = seen.get(one.key)
        quiet = any(held.covers(one.kinds) for held in silent)
        word = (
            f"{by.actor} has seen to it, {ago(by.at, desk.clock())}: {by.reason}"
            if by
            else "Nobody has said yet that they are on it."
        )
        unwanted = ({"acknowledge"} if by else set()) | ({"silence"} if quiet else set())
        deeds = tuple(deed for deed in _ANSWERS if deed[0] not in unwanted)
        last = one.last_entry if one.last_entry is not None else one.entry
        link = None if last is None else f"{here}/verdicts/{last}"
        found.append(Call("care" if by else "bad", one.subject, f"Since {moment(one.began)}. {word}", link, deeds))
    return found


def _waiting(entry: Entry, here: str) -> Call:
    text = f"The gate would promote it; asked for by {entry.actor}. A second person has the last word."
    deeds = (("approve", "Approve or decline"),)
    return Call("care", f"Version {entry.version} waits for approval", text, f"{here}/entries/{entry.id}", deeds)


def _request(one: Request, here: str, now: datetime) -> Call:
    state = "is running" if one.state == "running" else "waits for the worker"
    return Call("plain", f"Retraining {state}", f"Asked {ago(one.created_at, now)}: {one.reason}", f"{here}#requests")


def _silence(one: Silence) -> Call:
    what = ", ".join(one.kinds) if one.kinds else "every kind"
    text = f"Until {moment(one.until)}, by {one.actor}: {one.reason}"
    return Call("plain", f"Silenced: {what}", text, None, (("lift", "Lift the silence"),))


def _first(reasons: Sequence[str]) -> str:
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return f"{reasons[0]}{more}" if reasons else "the newest verdict"


def overdue(last: Window | None, now: datetime) -> str | None:
    """How long nobody has judged a window, when that is longer than three of them; by the wall clock."""
    if last is None or last.recorded is None:
        return None
    silent, length = now - last.recorded, last.end - last.start
    return lasting(silent.total_seconds()) if silent > 3 * length else None
