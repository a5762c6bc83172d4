"""Reproduce: make a release again from what the ledger holds of it, in a clean place, and say what is not the same."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.core.errors import ModelFileError, NotFound, ProblemError, Unavailable
from pipelines.core.evaluation.differences import AnswerDifference, compare_answers, predictions_digest
from pipelines.core.evaluation.reproduction import Finding, Outcome, judge_reproduction, summary
from pipelines.core.settings import Settings
from pipelines.steps.find_differences import bundle_findings, input_findings, output_findings
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.checkouts import Sources, find_sources
from pipelines.stores.data.snapshots import restore
from pipelines.stores.data.tables import read_parquet
from pipelines.stores.decisions.ledger import open_ledger
from pipelines.stores.registry.lean_registry import LeanRegistry
from pipelines.stores.releases.champions import open_release
from pipelines.stores.releases.clean_runs import CleanRun, Ingredients, run_cleanly
from pipelines.stores.releases.recipes import Recipe, read_recipe, release_entry
from pipelines.stores.storage.files import read_json

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Reproduced:
    """What came of it; `answers` is None where the release's own answers could not be read. Every value is JSON."""

    problem: str
    version: int
    outcome: Outcome
    told: str
    recorded_digest: str
    made_digest: str | None
    same_predictions: bool | None
    answers: AnswerDifference | None
    findings: list[Finding]
    notes: list[str]
    snapshot: str
    as_of: str
    commit: str | None
    exact_code: bool
    kept: str | None
    key: str


def reproduce(
    problem: str,
    settings: Settings,
    version: int,
    at: datetime,
    actor: str,
    repository: Path | None = None,
    keep: Path | None = None,
    tell: Tell = lambda text: None,
) -> Reproduced:
    """Make a release again and record in the ledger what came of it.

    `repository`: git repository of the code that made it (default: the one that this code lies in); `keep`: new
    folder that gets everything the run has made. NotFound when the release or its snapshot is gone.
    """
    if keep is not None and keep.exists():
        raise ProblemError(f"{keep} is there already: name a new folder for what is to be kept")
    ledger, notes = open_ledger(settings), list[str]()
    try:
        entry = release_entry(ledger, problem, version)
        recipe = read_recipe(entry, lambda: _open_bundle(settings, problem, version))
        if not recipe.from_ledger:
            notes.append("the ledger's entry is from before it held everything: the rest was read in the bundle")
        with tempfile.TemporaryDirectory(prefix="ratchet-reproduce-") as made:
            found = _Attempt(settings, recipe, Path(made), notes, tell).run(repository)
            result = _result(recipe, found, notes, keep, f"reproduction:{problem}:{version}:{at.isoformat()}")
            if keep is not None:
                shutil.copytree(found.run.folder, keep)
        ledger.record(
            result.key,
            at=at,
            problem=problem,
            kind="reproduction",
            outcome=result.outcome,
            version=version,
            run_id=entry.run_id,
            actor=actor,
            reasons=[result.told, *(one.told for one in result.findings)],
            evidence=_evidence(result),
        )
    finally:
        ledger.close()
    return result


@dataclass(frozen=True)
class _Found:
    """What an attempt has found."""

    run: CleanRun
    sources: Sources
    digest: str | None
    answers: AnswerDifference | None
    same_answers: bool | None
    findings: list[Finding]


@dataclass(frozen=True)
class _Attempt:
    """One attempt: its recipe, the empty folder that it happens in, and whoever listens."""

    settings: Settings
    recipe: Recipe
    place: Path
    notes: list[str]
    tell: Tell

    def run(self, repository: Path | None) -> _Found:
        """Run the steps, then compare their inputs and their outputs with the record."""
        recipe = self.recipe
        self.tell(f"snapshot {recipe.snapshot[:16]}, as of {recipe.as_of.isoformat()}")
        rows = restore(recipe.snapshot, recipe.problem, self.settings)
        sources = find_sources(recipe.code, self.place / "code", repository)
        self.tell(sources.told)
        self.notes.append(sources.told)
        place = self.place / "place"
        place.mkdir()
        self.tell("preparing, training and evaluating again")
        ingredients = Ingredients(recipe.problem, recipe.problem_text, recipe.contract, rows, recipe.as_of)
        run = run_cleanly(sources.folder, ingredients, place)
        findings = input_findings(recipe, rows, sources, repository)
        if run.failed is not None:
            told = f"the run has failed: {run.failed}"
            return _Found(run, sources, None, None, None, [*findings, Finding(part="run", told=told)])
        bundle = self._bundle()
        reference = read_parquet(run.folder / "reference.parquet")
        answers = None if bundle is None else compare_answers(read_parquet(bundle.reference_path), reference)
        stated = recipe.predictions.get("digest")
        same = None if stated is None else predictions_digest(reference) == stated
        findings += bundle_findings(recipe, bundle) + output_findings(recipe, run.folder, bundle)
        if same is False or (same is None and answers is not None and not answers.same):
            findings.append(Finding(part="predictions", told=_of_answers(answers)))
        digest = str(read_json(run.folder / "trained.json")["digest"])
        return _Found(run, sources, digest, answers, same, findings)

    def _bundle(self) -> Bundle | None:
        try:
            return _open_bundle(self.settings, self.recipe.problem, self.recipe.version)
        except (NotFound, ModelFileError, Unavailable) as error:
            self.notes.append(f"the registry's bundle could not be read, so digests alone were compared ({error})")
            return None


def _open_bundle(settings: Settings, problem: str, version: int) -> Bundle:
    registry = LeanRegistry(settings)
    return open_release(settings, registry, registry.release(problem, version))


def _of_answers(answers: AnswerDifference | None) -> str:
    if answers is None:
        return "the answers to the held-out rows do not have the recorded digest"
    if answers.largest is None:
        return "not one held-out row is the same"
    more = f"; {answers.missing} rows are on one side only" if answers.missing else ""
    count = f"{answers.differing} of {answers.rows} held-out rows"
    return f"{count} are answered otherwise, by up to {answers.largest:.3g}{more}"


def _result(recipe: Recipe, found: _Found, notes: list[str], keep: Path | None, key: str) -> Reproduced:
    outcome = judge_reproduction(recipe.model_digest, found.digest, found.answers, found.same_answers)
    same = found.same_answers
    if same is None and found.answers is not None:
        same = found.answers.same
    return Reproduced(
        problem=recipe.problem,
        version=recipe.version,
        outcome=outcome,
        told=summary(outcome, found.findings, found.answers),
        recorded_digest=recipe.model_digest,
        made_digest=found.digest,
        same_predictions=same,
        answers=found.answers,
        findings=found.findings,
        notes=notes,
        snapshot=recipe.snapshot,
        as_of=recipe.as_of.isoformat(),
        commit=found.sources.commit,
        exact_code=found.sources.exact,
        kept=None if keep is None else str(keep),
        key=key,
    )


def _evidence(result: Reproduced) -> dict[str, Any]:
    """What the ledger keeps of a reproduction, as JSON."""
    names = ("recorded_digest", "made_digest", "same_predictions", "snapshot", "as_of", "commit", "exact_code", "notes")
    return {
        **{name: getattr(result, name) for name in names},
        "answers": None if result.answers is None else result.answers.model_dump(mode="json"),
        "findings": [one.model_dump(mode="json") for one in result.findings],
    }
