"""Dry run: a whole training in a throw-away home, judged against the champion. Nothing is released or recorded."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.core.gate import Decision, decide_challenger
from pipelines.core.metrics import Metric
from pipelines.core.scorecard import Scorecard
from pipelines.core.settings import Settings
from pipelines.steps.check_data import governing_contract
from pipelines.steps.evaluate import evaluate
from pipelines.steps.featurize import featurize
from pipelines.steps.ingest import Ingested, ingest
from pipelines.steps.prepare import prepare
from pipelines.steps.rehearse import find_change, rehearse_candidate
from pipelines.steps.train import train
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.code_version import code_version, run_key
from pipelines.stores.decisions.ledger import open_ledger
from pipelines.stores.problems.contracts import put_in_force
from pipelines.stores.problems.problem_files import LoadedProblem
from pipelines.stores.releases.champions import find_champion
from pipelines.stores.releases.release_files import Lineage, stage_bundle
from pipelines.stores.storage.files import read_json

Tell = Callable[[str, int, int, str], None]
SAME = "identity"
"""The gate's check that a candidate fails when it is the champion, bit for bit."""


@dataclass(frozen=True)
class DryRun:
    """What the gate would say of a candidate; every field is JSON. `champion`: the version it was judged against.

    `same`: it is that champion, bit for bit. `passed`: there is nothing against it; where the rows cannot tell
    (`not_enough_data`), there is not.
    """

    problem: str
    decision: str
    passed: bool
    same: bool
    champion: int | None
    reasons: list[str]
    checks: list[dict[str, Any]]
    path: str | None
    needed_labels: int | None
    learner: str
    model_digest: str
    primary: str
    metrics: dict[str, dict[str, float | None]]
    champion_metrics: dict[str, dict[str, float | None]]
    comparison: dict[str, Any] | None
    rehearsal: dict[str, Any]
    snapshot: str
    rows: int
    labelled: int
    quarantined: int
    held_out: int
    schema_change: dict[str, Any]
    as_of: str
    notes: list[str]


def dry_run(
    loaded: LoadedProblem,
    settings: Settings,
    as_of: datetime,
    because: str | None = None,
    accept_schema: bool = False,
    tell: Tell = lambda step, done, total, text: None,
) -> DryRun:
    """The gate's word on a candidate trained on what was known at `as_of`, by the very steps of a real training.

    Registry, ledger and contract in force are read from the settings and never written: rows, model and rehearsal live
    in a temporary home (TMPDIR says where). ContractError as in a real training, unless `accept_schema`.
    """
    with tempfile.TemporaryDirectory(prefix="ratchet-dry-run-") as place:
        room = _Room(loaded, settings, as_of, Path(place), tell)
        ingested = room.ingest(accept_schema)
        room.train(ingested)
        return room.judge(ingested, because)


@dataclass(frozen=True)
class _Room:
    """One dry run: the settings it reads the champion by, and the folder that it writes to."""

    loaded: LoadedProblem
    settings: Settings
    as_of: datetime
    place: Path
    tell: Tell

    @property
    def folder(self) -> Path:
        return self.place / "run"

    @property
    def alone(self) -> Settings:
        """The same settings, with everything that is written in the temporary home."""
        nowhere = {"data": None, "data_remote": None, "database_url": None, "history_root": None, "signing_key": None}
        return self.settings.model_copy(update={**nowhere, "home": self.place / "home"})

    def ingest(self, accept_schema: bool) -> Ingested:
        self.tell("ingest", 0, 1, "reading the source")
        contract, _ = governing_contract(self.loaded.problem.name, self.settings)
        if contract is not None:
            put_in_force(contract, self.alone)
        ingested = ingest(self.loaded, self.alone, self.as_of, accept_schema)
        self.tell("ingest", 1, 1, f"{ingested.rows:,} rows, {ingested.quarantined:,} quarantined")
        return ingested

    def train(self, ingested: Ingested) -> None:
        self.folder.mkdir()
        self.tell("prepare", 0, 2, "typing and splitting rows")
        prepare(self.loaded, ingested, self.folder)
        self.tell("prepare", 1, 2, "history features")
        featurize(self.loaded, self.folder)
        self.tell("prepare", 2, 2, "done")
        train(self.loaded, self.folder, progress=lambda done, total, text: self.tell("train", done, total, text))

    def judge(self, ingested: Ingested, because: str | None) -> DryRun:
        champion = find_champion(self.settings, self.loaded.problem.name)
        self.tell("gate", 0, 2, "no champion yet" if champion is None else f"against version {champion.version}")
        card = Scorecard.model_validate(read_json(evaluate(self.loaded, self.folder, champion)))
        self.tell("gate", 1, 2, "rehearsing")
        lineage = self._lineage(ingested)
        rehearsal = rehearse_candidate(
            self.settings,
            self.folder,
            lineage.run_id,
            card.digest,
            lambda: stage_bundle(self.loaded, self.folder, lineage, card),
        )
        ledger = open_ledger(self.settings)
        try:
            name = self.loaded.problem.name
            change = find_change(self.settings, self.folder, ledger, name, rehearsal, None, because)
        finally:
            ledger.close()
        decision = decide_challenger(self.loaded.problem, card, rehearsal=rehearsal, change=change)
        self.tell("gate", 2, 2, decision.outcome)
        told = {"rehearsal": rehearsal.model_dump(mode="json"), "learner": self._learner()}
        return _found(self.loaded.problem.name, card, decision, ingested, champion, told)

    def _learner(self) -> str:
        return str(read_json(self.folder / "trained.json")["learner"])

    def _lineage(self, ingested: Ingested) -> Lineage:
        key = run_key(ingested.snapshot, self.loaded.problem.digest, code_version().digest)
        return Lineage(
            run_id=f"dry-{key}",
            run_key=key,
            snapshot=ingested.snapshot,
            source=ingested.path,
            rows=ingested.rows,
            as_of=self.as_of,
            code=code_version(),
            datasheet=None,
        )


def _found(
    problem: str,
    card: Scorecard,
    decision: Decision,
    ingested: Ingested,
    champion: Bundle | None,
    told: dict[str, Any],
) -> DryRun:
    same = any(check.name == SAME and not check.passed for check in decision.checks)
    theirs = card.champion.metrics if card.champion is not None else {}
    return DryRun(
        problem=problem,
        decision=decision.outcome,
        passed=decision.outcome != "keep" or same,
        same=same,
        champion=None if champion is None else champion.version,
        reasons=decision.reasons,
        checks=[check.model_dump(mode="json") for check in decision.checks],
        path=decision.path,
        needed_labels=decision.needed_labels,
        model_digest=card.digest,
        primary=card.primary,
        metrics={name: _spanned(one) for name, one in card.metrics.items()},
        champion_metrics={name: _spanned(one) for name, one in theirs.items()},
        comparison=None if card.comparison is None else card.comparison.model_dump(mode="json"),
        snapshot=ingested.snapshot,
        rows=ingested.rows,
        labelled=ingested.labelled,
        quarantined=ingested.quarantined,
        held_out=card.rows,
        schema_change=ingested.schema_change,
        as_of=ingested.as_of,
        notes=card.notes,
        **told,
    )


def _spanned(metric: Metric) -> dict[str, float | None]:
    return {"value": metric.value, "low": metric.low, "high": metric.high}
