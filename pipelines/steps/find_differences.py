"""Find differences: what of a reproduction is not as the release's recipe has it, from its inputs to its metrics."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from pipelines.core.errors import ModelFileError, ProblemError
from pipelines.core.evaluation.differences import changes
from pipelines.core.evaluation.model_differences import model_differences
from pipelines.core.evaluation.reproduction import Finding
from pipelines.stores.bundles.bundle import MANIFEST, Bundle
from pipelines.stores.bundles.model_file import load_model
from pipelines.stores.checkouts import Sources, changed_files
from pipelines.stores.code_version import code_version
from pipelines.stores.data.snapshots import content_digest
from pipelines.stores.data.tables import read_parquet
from pipelines.stores.problems.problem_files import parse_problem
from pipelines.stores.releases.recipes import Recipe
from pipelines.stores.storage.files import digest_file, read_json

_MOST_FILES = 20
_ROUNDING = 1e-12


def input_findings(recipe: Recipe, rows: Path, sources: Sources, repository: Path | None = None) -> list[Finding]:
    """What goes into the run and is not what was recorded: `rows` is the snapshot's file, `sources` the code to run."""
    found = [*_snapshot(recipe, rows), *_problem(recipe, sources), *_contract(recipe)]
    if not sources.exact:
        files = changed_files(str(recipe.code.get("commit") or ""), repository)
        more = [f"and {len(files) - _MOST_FILES} more"] if len(files) > _MOST_FILES else []
        found.append(Finding(part="code", told=sources.told, details=[*files[:_MOST_FILES], *more]))
    lines = [str(one) for one in changes(dict(recipe.code.get("libraries") or {}), code_version().libraries)]
    if lines and recipe.code:
        found.append(Finding(part="libraries", told=f"other versions: {'; '.join(lines)}", details=lines))
    return found


def output_findings(recipe: Recipe, folder: Path, bundle: Bundle | None) -> list[Finding]:
    """What the run in `folder` has made and is not what was recorded, answers left aside; first causes first."""
    trained = read_json(folder / "trained.json")
    found = [*_tables(recipe, folder), *_search(recipe, trained)]
    if recipe.learner:
        then = {"learner": recipe.learner, "params": dict(recipe.params)}
        lines = [str(one) for one in changes(then, {name: trained[name] for name in then})]
        if lines:
            told = f"the search has ended elsewhere: {'; '.join(lines[:3])}"
            found.append(Finding(part="parameters", told=told, details=lines))
    if trained["digest"] != recipe.model_digest:
        told = f"the model is {trained['digest'][:16]}, recorded is {recipe.model_digest[:16]}"
        found.append(Finding(part="model", told=told, details=_inside(folder, bundle)))
    return [*found, *_metrics(recipe, folder)]


def bundle_findings(recipe: Recipe, bundle: Bundle | None) -> list[Finding]:
    """A bundle in the registry that is not the recorded one: its answers are then not the release's."""
    wrong = []
    if bundle is not None and bundle.release["model_digest"] != recipe.model_digest:
        wrong.append(f"its model is {bundle.release['model_digest'][:16]}, recorded is {recipe.model_digest[:16]}")
    if bundle is not None and recipe.manifest and digest_file(bundle.folder / MANIFEST) != recipe.manifest:
        wrong.append("its manifest is another one")
    told = f"the registry's bundle is not the recorded one: {'; '.join(wrong)}"
    return [Finding(part="bundle", told=told, details=wrong)] if wrong else []


def _snapshot(recipe: Recipe, rows: Path) -> list[Finding]:
    held = content_digest(read_parquet(rows))
    if held == recipe.snapshot:
        return []
    told = f"the snapshot's file holds other rows than were recorded ({held[:16]}, not {recipe.snapshot[:16]})"
    return [Finding(part="snapshot", told=told, details=["remove it and run again: DVC brings the recorded one back"])]


def _problem(recipe: Recipe, sources: Sources) -> list[Finding]:
    """Only beside the recorded code: another one may read more or less out of the same text."""
    if not recipe.problem_digest or not sources.exact or sources.commit is not None:
        return []
    try:
        digest = parse_problem(recipe.problem_text, Path(f"{recipe.problem}.yaml")).digest
    except ProblemError as error:
        return [Finding(part="problem", told=f"the problem file as recorded cannot be read: {error}")]
    if digest == recipe.problem_digest:
        return []
    told = f"the problem file as recorded has digest {digest[:16]}, {recipe.problem_digest[:16]} is stated"
    return [Finding(part="problem", told=told)]


def _contract(recipe: Recipe) -> list[Finding]:
    text = json.dumps(dict(recipe.contract), sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(text.encode()).hexdigest()  # as Contract.digest, whatever fields contracts have by now
    if not recipe.contract_digest or digest == recipe.contract_digest:
        return []
    told = f"the contract as recorded has digest {digest[:16]}, {recipe.contract_digest[:16]} is stated"
    return [Finding(part="contract", told=told)]


def _tables(recipe: Recipe, folder: Path) -> list[Finding]:
    stated = {"prepared": recipe.tables.get("prepared"), "features": recipe.tables.get("features")}
    differing = [
        name
        for name, digest in stated.items()
        if digest and content_digest(read_parquet(folder / f"{name}.parquet")) != digest
    ]
    told = {
        "prepared": "the prepared rows are not those that were recorded",
        "features": "the rows with their history are not those that were recorded",
    }
    return [Finding.model_validate({"part": name, "told": told[name]}) for name in differing]


def _search(recipe: Recipe, trained: dict[str, Any]) -> list[Finding]:
    """A search that a time limit has ended: the only thing in a training that depends on the machine."""
    cut = [when for when, facts in (("then", recipe.search), ("now", trained)) if facts.get("cut_short")]
    told = f"search.seconds has ended the search {' and '.join(cut)}: what it finds depends on the machine's speed"
    return [Finding(part="search", told=told)] if cut else []


def _inside(folder: Path, bundle: Bundle | None) -> list[str]:
    """Where the two models part, as far as both can be read here."""
    if bundle is None:
        return []
    try:
        return model_differences(bundle.pipeline, load_model(folder / "model.skops"))
    except ModelFileError as error:
        return [f"they could not be laid side by side: {error}"]


def _metrics(recipe: Recipe, folder: Path) -> list[Finding]:
    """Metrics whose values are further apart than the order of a sum explains."""
    then = {name: one.get("value") for name, one in recipe.metrics.items()}
    now = {name: one["value"] for name, one in read_json(folder / "scorecard.json")["metrics"].items()}
    found = changes(then, {name: now.get(name) for name in then})
    lines = [str(one) for one in found if not _near(one.before, one.after)]
    return [Finding(part="metrics", told=f"{len(lines)} metrics differ: {lines[0]}", details=lines)] if lines else []


def _near(before: Any, after: Any) -> bool:
    return isinstance(before, float) and isinstance(after, float) and math.isclose(before, after, rel_tol=_ROUNDING)
