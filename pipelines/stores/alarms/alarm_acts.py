"""What people do about alarms: silence them for a while, or say that somebody is on it. Each is a ledger entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.core.episodes import silenced_by
from pipelines.core.errors import NotFound, ProblemError
from pipelines.stores.decisions.ledger import Entry, Ledger
from pipelines.stores.sql.ledger_tables import as_utc
from pipelines.stores.sql.notice_tables import Episode

_DEEP = 200  # acts of a kind that are looked back over


@dataclass(frozen=True)
class Silence:
    """No notice of these kinds (None: of any) goes out before `until`."""

    problem: str
    kinds: list[str] | None
    until: datetime
    at: datetime
    actor: str
    reason: str
    entry: int

    def covers(self, kinds: Sequence[str]) -> bool:
        """Whether a notice of these kinds is withheld."""
        return silenced_by(kinds, self.kinds)

    @property
    def text(self) -> str:
        """The silence in words."""
        return f"silenced by {self.actor} until {self.until:%Y-%m-%d %H:%M} UTC: {self.reason}"


@dataclass(frozen=True)
class Acknowledgement:
    """Somebody knows of the episode and is on it: no reminder goes out."""

    problem: str
    episode: str
    at: datetime
    actor: str
    reason: str
    entry: int


def silence(
    ledger: Ledger, problem: str, kinds: Sequence[str] | None, until: datetime, at: datetime, actor: str, reason: str
) -> Entry:
    """Keep notices of these kinds (None: all) back until then; the same kinds again: the later word counts."""
    until, at = as_utc(until), as_utc(at)
    if until <= at:
        raise ProblemError(f"a silence ends in the future: {until:%Y-%m-%d %H:%M} UTC is past")
    return _record(
        ledger, "silence", "silenced", problem, _kinds(kinds), at, actor, reason, {"until": until.isoformat()}
    )


def unsilence(
    ledger: Ledger, problem: str, kinds: Sequence[str] | None, at: datetime, actor: str, reason: str
) -> Entry:
    """End a silence of these very kinds before its time; NotFound when there is none."""
    wanted = _kinds(kinds)
    if not any(one.kinds == wanted for one in silences(ledger, as_utc(at), problem)):
        raise NotFound(f"{problem} has no silence of {', '.join(wanted or ['all kinds'])}: see `ratchet alarms list`")
    return _record(ledger, "silence", "lifted", problem, wanted, as_utc(at), actor, reason, {})


def silences(ledger: Ledger, now: datetime, problem: str | None = None) -> list[Silence]:
    """The silences in force, newest first."""
    found: dict[tuple[str, str], Silence | None] = {}
    for entry in ledger.entries(problem, "silence", limit=_DEEP):
        kinds = entry.evidence.get("kinds")
        place = (entry.problem, str(kinds))
        if place in found:
            continue  # a later word on the same kinds counts
        found[place] = _silence(entry, kinds) if entry.outcome == "silenced" else None
    return [one for one in found.values() if one is not None and one.until > as_utc(now)]


def acknowledge(ledger: Ledger, episode: Episode, at: datetime, actor: str, reason: str) -> Entry:
    """Say that somebody is on it: until the episode ends no reminder of it goes out."""
    about = {"episode": episode.key, "verdict": episode.last_entry}
    return _record(
        ledger, "acknowledgement", "acknowledged", episode.problem, episode.kinds, as_utc(at), actor, reason, about
    )


def acknowledgements(ledger: Ledger, problem: str | None = None) -> dict[str, Acknowledgement]:
    """The newest acknowledgement of each episode, by the episode's key."""
    found: dict[str, Acknowledgement] = {}
    for entry in ledger.entries(problem, "acknowledgement", limit=_DEEP):
        key = str(entry.evidence.get("episode"))
        reason = next(iter(entry.reasons), "")
        found.setdefault(key, Acknowledgement(entry.problem, key, entry.at, entry.actor, reason, entry.id))
    return found


def _kinds(kinds: Sequence[str] | None) -> list[str] | None:
    return sorted(set(kinds)) if kinds else None


def _silence(entry: Entry, kinds: list[str] | None) -> Silence:
    until = datetime.fromisoformat(entry.evidence["until"])
    return Silence(entry.problem, kinds, until, entry.at, entry.actor, next(iter(entry.reasons), ""), entry.id)


def _record(
    ledger: Ledger,
    kind: str,
    outcome: str,
    problem: str,
    kinds: Sequence[str] | None,
    at: datetime,
    actor: str,
    reason: str,
    about: dict[str, Any],
) -> Entry:
    if not actor.strip() or not reason.strip():
        raise ProblemError(f"a{'n' if kind[0] == 'a' else ''} {kind} needs a name and a reason: both are recorded")
    return ledger.record(
        f"{kind}:{problem}:{outcome}:{at.isoformat()}:{'+'.join(kinds or ['all'])}"[:400],
        at=at,
        problem=problem,
        kind=kind,
        outcome=outcome,
        actor=actor,
        reasons=[reason],
        evidence={"kinds": None if kinds is None else list(kinds), **about},
    )
