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
from pipelines.core.gate import Decision, decide_challenger
from pipelines.core.scorecard import Scorecard
from pipelines.core.settings import Settings
from pipelines.steps.document import document
from pipelines.steps.rehearse import find_change, rehearse_candidate
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.code_version import code_version, run_key
from pipelines.stores.decisions.ledger import Entry, Ledger, open_ledger
from pipelines.stores.problems.problem_files import LoadedProblem
from pipelines.stores.registry.registry import Registry
from pipelines.stores.releases.champion_moves import Moved, promote_by_hand, roll_back
from pipelines.stores.releases.release_evidence import release_evidence
from pipelines.stores.releases.release_files import Lineage, make_bundle, stage_bundle
from pipelines.stores.releases.release_log import log_release
from pipelines.stores.releases.standing import AWAITING, one_at_a_time, settle
from pipelines.stores.storage.files import read_json

__all__ = ["Asked", "Moved", "Released", "promote_by_hand", "release", "roll_back"]


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
class Asked:
    """Who asked for a training, by which request, and for what reason that a person stated."""

    actor: str
    request: int | None = None
    because: str | None = None


@dataclass(frozen=True)
class Released:
    """What became of a candidate; `champion`: the version that serves now, `metrics`: value, low, high.

    `decision`: what the gate said, or `awaiting_approval` where it said promote and a second person must agree.
    `path` and `change`: by what right it was promoted; `rehearsal`: what was found over HTTP; `ledger`: digest
    of the entry that says so.
    """

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
    path: str | None
    change: dict[str, Any] | None
    rehearsal: dict[str, Any] | None
    ledger: str | None


def release(
    loaded: LoadedProblem,
    settings: Settings,
    folder: Path,
    ingested: Ingested,
    as_of: datetime,
    actor: str = "flow",
    request: int | None = None,
    because: str | None = None,
) -> Released:
    """Rehearse the candidate in `folder`, decide on it, register it, and make it champion if the gate says so.

    Reads scorecard.json, reference.parquet, prepared.parquet, features.parquet, contract.json, model.skops,
    trained.json and history; makes folder/bundle. `request`, `because`: the request or the person's words that asked
    for it, a reason to change models. Busy when the champion has changed since the scorecard was made: evaluate again.
    """
    key = run_key(ingested.snapshot, loaded.problem.digest, code_version().digest)
    card = Scorecard.model_validate(read_json(folder / "scorecard.json"))
    candidate = _Candidate(loaded, settings, folder, ingested, as_of, key, card)
    registry, ledger = Registry(settings), open_ledger(settings)
    try:
        with one_at_a_time(settings, candidate.name):
            entry = ledger.find(candidate.entry_key)
            if entry is None:
                entry = _decide(candidate, registry, ledger, Asked(actor, request, because))
            champion = settle(settings, ledger, registry, entry, folder / "history")
    finally:
        ledger.close()
    return _released(entry, champion)


@dataclass(frozen=True)
class _Candidate:
    """What a decision is made on."""

    loaded: LoadedProblem
    settings: Settings
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


def _decide(candidate: _Candidate, registry: Registry, ledger: Ledger, asked: Asked) -> Entry:
    """The ledger's new entry; everything that is done before it is found again when this is repeated."""
    name, folder, card = candidate.name, candidate.folder, candidate.card
    _require_same_champion(registry, name, card)
    loaded, settings = candidate.loaded, candidate.settings
    lineage = _lineage(candidate, registry.start_run(name, candidate.key))
    rehearsal = rehearse_candidate(
        settings, folder, lineage.run_id, card.digest, lambda: stage_bundle(loaded, folder, lineage, card)
    )
    change = find_change(settings, folder, ledger, name, rehearsal, asked.request, asked.because)
    decision = decide_challenger(loaded.problem, card, rehearsal=rehearsal, change=change)

    def add_cards(into: Path, bundle: Bundle) -> None:
        document(into, bundle, card, decision, rehearsal, lineage.datasheet, asked.actor, asked.request)

    bundle = make_bundle(loaded, folder, lineage, card, decision, rehearsal, add_cards)
    log_release(registry, bundle, lineage, card, decision, rehearsal)
    version = registry.register(name, lineage.run_id, bundle, card.digest, candidate.key)
    registered = registry.release(name, version)
    evidence = release_evidence(loaded, folder, lineage, card, decision, rehearsal, registered)
    return ledger.record(
        candidate.entry_key,
        at=candidate.as_of,
        problem=name,
        kind="release",
        outcome=_outcome(candidate, decision),
        version=version,
        run_id=lineage.run_id,
        actor=asked.actor,
        reasons=decision.reasons,
        evidence=evidence | {"request": asked.request},
    )


def _outcome(candidate: _Candidate, decision: Decision) -> str:
    """What the gate says is what happens, unless a second person must agree first."""
    waits = decision.outcome == "promote" and candidate.loaded.problem.good_enough.approval
    return AWAITING if waits else decision.outcome


def _lineage(candidate: _Candidate, run_id: str) -> Lineage:
    ingested = candidate.ingested
    return Lineage(
        run_id=run_id,
        run_key=candidate.key,
        snapshot=ingested.snapshot,
        source=str(ingested.path),
        rows=ingested.rows,
        as_of=candidate.as_of,
        code=code_version(),
        datasheet=Path(ingested.datasheet_path) if ingested.datasheet_path else None,
    )


def _require_same_champion(registry: Registry, problem: str, card: Scorecard) -> None:
    """A scorecard against yesterday's champion says nothing about today's."""
    champion = registry.champion(problem)
    now = None if champion is None else champion.version
    judged = None if card.champion is None else card.champion.version
    if now != judged:
        raise Busy(f"{problem}'s champion is version {now}, the candidate was judged against {judged}: train again")


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
        path=facts.get("path"),
        change=facts.get("change"),
        rehearsal=facts.get("rehearsal"),
        ledger=entry.digest,
    )
