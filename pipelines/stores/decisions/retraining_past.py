"""What the ledger knows of a problem's retrainings, in the form that the policy asks for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipelines.core.problem import Problem
from pipelines.core.retraining import REGULAR, Labels, RetrainingHistory, in_all
from pipelines.stores.decisions.ledger import DECISIONS, MOVES, Entry, Ledger
from pipelines.stores.sql.ledger_tables import IN_FLIGHT, Request, as_utc

POLICY = "policy"
"""The actor of requests that no person made."""
_REJECTED = (("release", "keep"), ("approval", "declined"))
_DEEP = 200  # entries of a kind that are looked back over: far more than any row of rejections


def retraining_past(ledger: Ledger, problem: Problem, now: datetime) -> RetrainingHistory:
    """The retrainings asked for up to `now`, by the requests' `as_of`, and the rejections in a row.

    A champion moved, by the gate or by a person, starts the count of rejections anew, and so does a person who asks
    for a training. A duel that the rows could not decide counts as one: the challenger stays outside all the same.
    """
    now = as_utc(now)
    requests = ledger.requests(problem.name)
    pending = next((one.key for one in requests if one.state in IN_FLIGHT), None)
    asked = sorted((one for one in requests if one.as_of <= now), key=lambda one: (one.as_of, one.id))
    said = ledger.entries(problem.name, "retraining", limit=_DEEP)
    return RetrainingHistory(
        asked=[one.as_of for one in asked],
        pending=pending,
        rejections=_rejections(ledger, problem.name, requests, said),
        tried=labels_of(asked[-1].evidence) if asked else None,
        needed=_needed(ledger, problem, asked[-1].id) if asked else None,
        rehearsed=[entry.at for entry in said if entry.outcome == "dry_run" and entry.at <= now],
    )


def labels_of(evidence: Mapping[str, Any]) -> Labels | None:
    """The labels that a request was made with; None of one that does not say."""
    kept = evidence.get("labels")
    if not kept:
        return None
    since = kept.get("since")
    return Labels(kept["new"], None if since is None else datetime.fromisoformat(since), kept.get("known"))


def _needed(ledger: Ledger, problem: Problem, request: int) -> int | None:
    """How many more labels would settle what the gate could not tell of the training that a request led to."""
    told = ledger.entries(problem.name, "release", limit=_DEEP)
    mine = next((entry for entry in told if entry.evidence.get("request") == request), None)
    return None if mine is None else in_all(problem, mine.evidence.get("needed_labels"))


def _rejections(ledger: Ledger, problem: str, requests: list[Request], said: list[Entry]) -> int:
    triggers = {one.id: set(one.evidence.get("triggers", [])) for one in requests}
    told = [entry for kind in DECISIONS for entry in ledger.entries(problem, kind, limit=_DEEP)]
    count = 0
    for entry in sorted([*told, *said], key=lambda one: -one.id):
        if entry.outcome in MOVES or (entry.outcome == "asked" and entry.actor != POLICY):
            break
        why = triggers.get(entry.evidence.get("request") or 0, set())
        regular = bool(why) and why <= set(REGULAR)
        count += not regular and ((entry.kind, entry.outcome) in _REJECTED or _undecided(entry))
    return count


def _undecided(entry: Entry) -> bool:
    """Whether a challenger met the champion and the rows could tell neither a gain nor a harm."""
    checks = entry.evidence.get("checks", [])
    return entry.outcome == "not_enough_data" and any(check["name"] == "gain" for check in checks)
