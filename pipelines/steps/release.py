"""Release: the gate decides, the ledger records it, the registry gets a version, and the aliases follow.

Killed at any point and run again, it gives the same version, decision and alias: each thing is found by its
run key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from pipelines.core.errors import Busy
from pipelines.core.gate import Decision, decide_release
from pipelines.core.scorecard import Scorecard
from pipelines.core.settings import Settings
from pipelines.steps.overrule import Moved, promote_by_hand, roll_back
from pipelines.stores.code_version import code_version, run_key
from pipelines.stores.files import read_json
from pipelines.stores.ledger import Entry, Ledger
from pipelines.stores.problem_files import LoadedProblem
from pipelines.stores.registry import Registry
from pipelines.stores.release_files import Lineage, make_bundle
from pipelines.stores.release_log import log_release
from pipelines.stores.standing import history_digest, one_at_a_time, settle

__all__ = ["Moved", "Released", "promote_by_hand", "release", "roll_back"]


class Ingested(Protocol):
    """What a release must know of the ingested data."""

    @property
    def snapshot(self) -> str:
        """The snapshot's SHA-256."""

    @property
    def path(self) -> str:
        """The snapshot's file."""

    @property
    def rows(self) -> int:
        """Rows in the snapshot."""

    @property
    def datasheet_path(self) -> str:
        """The generated datasheet."""


@dataclass(frozen=True)
class Released:
    """What became of a candidate; `champion`: the version that serves now, `metrics`: value, low, high."""

    problem: str
    decision: str
    version: int
    champion: int | None
    run_id: str
    run_key: str
    snapshot: str
    model_digest: str
    primary: str
    metrics: dict[str, dict[str, float | None]]
    reasons: list[str]
    checks: list[dict[str, Any]]
    needed_labels: int | None
    learner: str


def release(
    loaded: LoadedProblem,
    settings: Settings,
    folder: Path,
    ingested: Ingested,
    as_of: datetime,
    actor: str = "flow",
    request: int | None = None,
) -> Released:
    """Decide on the candidate in `folder`, register it, and make it champion if the gate says so.

    Reads scorecard.json, reference.parquet, features.parquet, contract.json, model.skops and trained.json;
    makes folder/bundle. Busy when the champion has changed since the scorecard was made: evaluate again.
    """
    key = run_key(ingested.snapshot, loaded.problem.digest, code_version().digest)
    card = Scorecard.model_validate(read_json(folder / "scorecard.json"))
    candidate = _Candidate(loaded, folder, ingested, as_of, key, card)
    registry, ledger = Registry(settings), Ledger(settings.database)
    try:
        with one_at_a_time(settings, candidate.name):
            entry = ledger.find(candidate.entry_key)
            if entry is None:
                entry = _decide(candidate, registry, ledger, actor, request)
            champion = settle(settings, ledger, registry, entry, folder / "history")
    finally:
        ledger.close()
    return _released(entry, champion)


@dataclass(frozen=True)
class _Candidate:
    """What a decision is made on."""

    loaded: LoadedProblem
    folder: Path
    ingested: Ingested
    as_of: datetime
    key: str
    card: Scorecard

    @property
    def name(self) -> str:
        return self.loaded.problem.name

    @property
    def entry_key(self) -> str:
        return f"release:{self.name}:{self.key}"


def _decide(candidate: _Candidate, registry: Registry, ledger: Ledger, actor: str, request: int | None) -> Entry:
    """The ledger's new entry; everything that is done before it is found again when this is repeated."""
    name, folder, ingested, card = candidate.name, candidate.folder, candidate.ingested, candidate.card
    _require_same_champion(registry, name, card)
    decision = decide_release(candidate.loaded.problem, card)
    run_id = registry.start_run(name, candidate.key)
    lineage = Lineage(
        run_id=run_id,
        run_key=candidate.key,
        snapshot=ingested.snapshot,
        source=str(ingested.path),
        rows=ingested.rows,
        as_of=candidate.as_of,
        code=code_version(),
        datasheet=Path(ingested.datasheet_path) if ingested.datasheet_path else None,
    )
    bundle = make_bundle(candidate.loaded, folder, lineage, card, decision)
    log_release(registry, bundle, lineage, card, decision)
    version = registry.register(name, run_id, bundle, card.digest, candidate.key)
    evidence = _evidence(lineage, card, decision) | {
        "learner": read_json(folder / "trained.json")["learner"],
        "history": history_digest(candidate.loaded.problem),
        "request": request,
    }
    return ledger.record(
        candidate.entry_key,
        at=candidate.as_of,
        problem=name,
        kind="release",
        outcome=decision.outcome,
        version=version,
        run_id=run_id,
        actor=actor,
        reasons=decision.reasons,
        evidence=evidence,
    )


def _require_same_champion(registry: Registry, problem: str, card: Scorecard) -> None:
    """A scorecard against yesterday's champion says nothing about today's."""
    champion = registry.champion(problem)
    now = None if champion is None else champion.version
    judged = None if card.champion is None else card.champion.version
    if now != judged:
        raise Busy(f"{problem}'s champion is version {now}, the candidate was judged against {judged}: train again")


def _evidence(lineage: Lineage, card: Scorecard, decision: Decision) -> dict[str, Any]:
    return {
        "run_key": lineage.run_key,
        "snapshot": lineage.snapshot,
        "model_digest": card.digest,
        "primary": card.primary,
        "rows": card.rows,
        "metrics": {name: {"value": one.value, "low": one.low, "high": one.high} for name, one in card.metrics.items()},
        "against": None if card.champion is None else card.champion.version,
        "comparison": None if card.comparison is None else card.comparison.model_dump(mode="json"),
        "checks": [check.model_dump(mode="json") for check in decision.checks],
        "needed_labels": decision.needed_labels,
        "code": lineage.code.as_json(),
    }


def _released(entry: Entry, champion: int | None) -> Released:
    """The result as the ledger has it: the first attempt's and a later one's are the same."""
    facts = entry.evidence
    return Released(
        problem=entry.problem,
        decision=entry.outcome,
        version=int(entry.version or 0),
        champion=champion,
        run_id=entry.run_id or "",
        run_key=facts["run_key"],
        snapshot=facts["snapshot"],
        model_digest=facts["model_digest"],
        primary=facts["primary"],
        metrics=facts["metrics"],
        reasons=entry.reasons,
        checks=facts["checks"],
        needed_labels=facts["needed_labels"],
        learner=facts["learner"],
    )
