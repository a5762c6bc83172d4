"""What the ledger keeps of a release: enough to explain it, to check it, and to make it again without the registry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.core.evaluation.differences import predictions_digest
from pipelines.core.evaluation.rehearsal import Rehearsal
from pipelines.core.gate import Decision
from pipelines.core.scorecard import Scorecard
from pipelines.stores.bundles.release_info import MANIFEST_DIGEST, ReleaseInfo
from pipelines.stores.bundles.signing import SIGNATURE
from pipelines.stores.data.snapshots import content_digest
from pipelines.stores.data.tables import read_parquet
from pipelines.stores.problems.problem_files import LoadedProblem
from pipelines.stores.releases.release_files import Lineage
from pipelines.stores.releases.standing import history_digest
from pipelines.stores.storage.files import read_json

_TABLES = ("prepared", "features")


def release_evidence(
    loaded: LoadedProblem,
    folder: Path,
    lineage: Lineage,
    card: Scorecard,
    decision: Decision,
    rehearsal: Rehearsal,
    registered: ReleaseInfo,
) -> dict[str, Any]:
    """The evidence of the run in `folder`, registered as `registered`; every value is JSON."""
    return (
        _origin(loaded, folder, lineage)
        | _identity(folder, card, registered)
        | _judgement(card, decision)
        | {"rehearsal": rehearsal.model_dump(mode="json")}
    )


def _origin(loaded: LoadedProblem, folder: Path, lineage: Lineage) -> dict[str, Any]:
    """What it was made from."""
    contract, trained = read_json(folder / "contract.json"), read_json(folder / "trained.json")
    release = read_json(folder / "bundle" / "ratchet" / "release.json")
    search = {name: trained[name] for name in ("trials", "cut_short") if name in trained}
    if "trials" in search:
        search["trials"] = len(search["trials"])
    return {
        "run_key": lineage.run_key,
        "snapshot": lineage.snapshot,
        "snapshot_rows": lineage.rows,
        "source": lineage.source,
        "as_of": lineage.as_of.isoformat(),
        "code": lineage.code.as_json(),
        "problem_digest": loaded.problem.digest,
        "problem_text": loaded.text,
        "contract_digest": release["contract_digest"],
        "contract": contract,
        "history": history_digest(loaded.problem),
        "learner": trained["learner"],
        "params": trained.get("params", {}),
        "search": search | {"rows": trained.get("rows")},
        "tables": {name: content_digest(read_parquet(folder / f"{name}.parquet")) for name in _TABLES},
    }


def _identity(folder: Path, card: Scorecard, registered: ReleaseInfo) -> dict[str, Any]:
    """What came of it, to the bit."""
    reference = read_parquet(folder / "reference.parquet")
    return {
        "model_digest": card.digest,
        "manifest": registered.tags.get(MANIFEST_DIGEST),
        "signature": registered.tags.get(SIGNATURE),
        "predictions": {"rows": len(reference), "digest": predictions_digest(reference)},
    }


def _judgement(card: Scorecard, decision: Decision) -> dict[str, Any]:
    """What was found of it, and what follows."""
    return {
        "primary": card.primary,
        "rows": card.rows,
        "metrics": {name: {"value": one.value, "low": one.low, "high": one.high} for name, one in card.metrics.items()},
        "against": None if card.champion is None else card.champion.version,
        "comparison": None if card.comparison is None else card.comparison.model_dump(mode="json"),
        "gate": decision.outcome,
        "path": decision.path,
        "change": None if decision.change is None else decision.change.model_dump(mode="json"),
        "checks": [check.model_dump(mode="json") for check in decision.checks],
        "needed_labels": decision.needed_labels,
    }
