"""What the ledger knows of a problem's retrainings, in the form that the policy asks for."""

from __future__ import annotations

from datetime import UTC, datetime

from pipelines.core.retraining import RetrainingHistory
from pipelines.stores.ledger import MOVES, Entry, Ledger
from pipelines.stores.ledger_tables import IN_FLIGHT

_REJECTED = (("release", "keep"), ("approval", "declined"))


def retraining_past(ledger: Ledger, problem: str, now: datetime) -> RetrainingHistory:
    """The retrainings asked for up to `now`, by the requests' `as_of`, and the rejections in a row.

    A champion moved, by the gate or by a person, starts the count of rejections anew. A duel that the rows could not
    decide counts as one: the challenger stays outside all the same.
    """
    now = now.replace(tzinfo=UTC) if now.tzinfo is None else now
    requests = ledger.requests(problem)
    pending = next((one.key for one in requests if one.state in IN_FLIGHT), None)
    asked = [one.as_of for one in requests if one.as_of <= now]
    rejections = 0
    for entry in ledger.entries(problem, limit=None):
        if entry.outcome in MOVES:
            break
        rejections += (entry.kind, entry.outcome) in _REJECTED or _undecided(entry)
    return RetrainingHistory(max(asked, default=None), pending, rejections)


def _undecided(entry: Entry) -> bool:
    """Whether a challenger met the champion and the rows could tell neither a gain nor a harm."""
    checks = entry.evidence.get("checks", [])
    return entry.outcome == "not_enough_data" and any(check["name"] == "gain" for check in checks)
