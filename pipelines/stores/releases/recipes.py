"""What a release was made from, as the ledger has recorded it: enough to make it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipelines.core.errors import NotFound
from pipelines.stores.bundles.bundle import DOCUMENTS, Bundle
from pipelines.stores.decisions.ledger import Entry, Ledger
from pipelines.stores.storage.files import read_json

_NEEDED = ("snapshot", "problem_text", "contract", "as_of", "model_digest")


@dataclass(frozen=True)
class Recipe:
    """The ingredients of a release and what came of them.

    `tables`: content digests of the run's prepared rows and features; `predictions`: rows and digest of the answers to
    held-out rows; `from_ledger`: whether all that is needed stood in the ledger. What is not stated is empty.
    """

    problem: str
    version: int
    run_key: str
    snapshot: str
    as_of: datetime
    problem_text: str
    problem_digest: str
    contract: Mapping[str, Any]
    contract_digest: str
    code: Mapping[str, Any]
    learner: str
    params: Mapping[str, Any]
    model_digest: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    predictions: Mapping[str, Any] = field(default_factory=dict)
    search: Mapping[str, Any] = field(default_factory=dict)
    manifest: str = ""
    from_ledger: bool = True


def release_entry(ledger: Ledger, problem: str, version: int) -> Entry:
    """The newest decision by which this version was released; NotFound when the ledger has none."""
    found = next((one for one in ledger.entries(problem, "release", limit=None) if one.version == version), None)
    if found is None:
        raise NotFound(
            f"the ledger has no release {version} of {problem}: `ratchet releases {problem}` lists those that it has"
        )
    return found


def read_recipe(entry: Entry, open_bundle: Callable[[], Bundle]) -> Recipe:
    """The recipe of a release's entry; of one made before the ledger held it all, the rest is read in its bundle.

    `open_bundle` is called only then; what it raises (the registry does not answer, the bundle is gone) is raised.
    """
    facts = dict(entry.evidence)
    complete = all(facts.get(name) for name in _NEEDED)
    if not complete:
        facts = _bundle_facts(open_bundle()) | facts
    return Recipe(
        problem=entry.problem,
        version=int(entry.version or 0),
        run_key=str(facts.get("run_key") or ""),
        snapshot=str(facts["snapshot"]),
        as_of=datetime.fromisoformat(str(facts.get("as_of") or entry.at.isoformat())),
        problem_text=str(facts["problem_text"]),
        problem_digest=str(facts.get("problem_digest") or ""),
        contract=dict(facts["contract"]),
        contract_digest=str(facts.get("contract_digest") or ""),
        code=dict(facts.get("code") or {}),
        learner=str(facts.get("learner") or ""),
        params=dict(facts.get("params") or {}),
        model_digest=str(facts["model_digest"]),
        metrics=dict(facts.get("metrics") or {}),
        tables=dict(facts.get("tables") or {}),
        predictions=dict(facts.get("predictions") or {}),
        search=dict(facts.get("search") or {}),
        manifest=str(facts.get("manifest") or ""),
        from_ledger=complete,
    )


def _bundle_facts(bundle: Bundle) -> dict[str, Any]:
    documents = bundle.folder / DOCUMENTS
    names = ("as_of", "problem_digest", "contract_digest", "params", "snapshot", "model_digest", "code", "learner")
    return {
        **{name: bundle.release[name] for name in names if name in bundle.release},
        "problem_text": (documents / "problem.yaml").read_text(),
        "contract": read_json(documents / "contract.json"),
    }
