"""What the policy decides, kept and carried out: a request, or an entry that says what stood in the way.

A verdict's entry holds the decision; the request follows it under a key made of the verdict's. Whoever is killed
between the two leaves an entry from which `ask_forgotten` makes the same request.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pipelines.core.drift import Verdict
from pipelines.core.problem import Problem
from pipelines.core.retraining import Labels, RetrainDecision, decide_retraining
from pipelines.stores.decisions.ledger import Entry, Ledger, Request
from pipelines.stores.decisions.ledger_requests import request_key
from pipelines.stores.decisions.retraining_past import POLICY, retraining_past
from pipelines.stores.sql.ledger_tables import as_utc

_LOOK_BACK = 20  # verdicts of a problem among which one that asks may have been forgotten


def decide_now(
    ledger: Ledger, problem: Problem, key: str, verdict: Verdict, labels: Labels, as_of: datetime
) -> RetrainDecision:
    """The policy's decision on the verdict that is recorded under `key`, or is about to be: as it was first."""
    before = ledger.find(key)
    if before is not None and before.evidence.get("retraining"):
        return RetrainDecision.from_dict(before.evidence["retraining"])
    past = retraining_past(ledger, problem, as_of)
    return decide_retraining(problem.retraining, verdict, past, labels, as_utc(as_of))


def ask_now(ledger: Ledger, problem: str, key: str, decision: RetrainDecision, as_of: datetime) -> Request | None:
    """The request that the decision on `key` makes; None, with an entry of its own, where something stood in the way.

    To be called once the decision is on record under `key`. Called again it changes nothing.
    """
    facts = decision.facts
    labels = {"new": facts.get("new_labels", 0), "since": facts.get("labels_since"), "known": facts.get("known_labels")}
    evidence = {"verdict": key, "reasons": decision.reasons, "triggers": decision.triggers, "labels": labels}
    if decision.act:
        reason = "; ".join(decision.reasons)
        return ledger.request(problem, _asked_key(key), reason=reason, as_of=as_of, at=as_of, evidence=evidence)
    if decision.outcome != "nothing":
        ledger.record(
            _obstacle_key(problem, key, decision),
            at=as_of,
            problem=problem,
            kind="retraining",
            outcome=decision.outcome,
            actor=POLICY,
            reasons=[*decision.reasons, *decision.blocked_by],
            evidence={**evidence, **decision.to_dict()},
        )
    return None


def ask_scheduled(ledger: Ledger, problem: Problem, labels: Labels, due: datetime) -> RetrainDecision:
    """The policy's decision on a training that `retraining.schedule` is due for at `due`, carried out."""
    key = f"schedule:{problem.name}:{as_utc(due).isoformat()}"
    mine = [one for one in ledger.requests(problem.name) if one.key == _asked_key(key)]
    if mine:
        return RetrainDecision(True, list(mine[0].evidence["reasons"]), [], triggers=["schedule"])
    past = retraining_past(ledger, problem, due)
    decision = decide_retraining(problem.retraining, None, past, labels, as_utc(due), scheduled=True)
    ask_now(ledger, problem.name, key, decision, due)
    return decision


def ask_forgotten(ledger: Ledger, problem: str) -> Request | None:
    """The request that a verdict called for and that nobody made, since whoever judged was killed; None without one."""
    verdicts = ledger.entries(problem, "verdict", limit=_LOOK_BACK)
    said = ledger.entries(problem, "retraining", limit=_LOOK_BACK)
    answered = max((one.id for one in said if one.outcome in ("asked", "done", "failed")), default=0)
    for entry in verdicts:
        if entry.id > answered and _asks(entry):
            decision = RetrainDecision.from_dict(entry.evidence["retraining"])
            return ask_now(ledger, problem, entry.key, decision, entry.at)
    return None


def _asks(entry: Entry) -> bool:
    kept: dict[str, Any] = entry.evidence.get("retraining") or {}
    return bool(kept.get("act"))


def _asked_key(key: str) -> str:
    """The key of the request that a decision makes."""
    return f"retrain:{key}"


def _obstacle_key(problem: str, key: str, decision: RetrainDecision) -> str:
    """One entry for as long as the same thing is in the way; each verdict's own entry says it again."""
    if decision.dry_run:
        return request_key(_asked_key(key), "dry_run")
    since = decision.facts.get("last_retraining") or "ever"
    return f"retraining:{problem}:blocked:{since}:{'+'.join(decision.triggers)}:{'+'.join(decision.obstacles)}"
