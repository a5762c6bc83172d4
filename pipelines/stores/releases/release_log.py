"""What MLflow is told of a release: parameters, metrics, tags, the data set and the documents."""

from __future__ import annotations

from pathlib import Path

from pipelines.core.evaluation.rehearsal import Rehearsal
from pipelines.core.gate import Decision
from pipelines.core.scorecard import Scorecard
from pipelines.stores.bundles.bundle import DOCUMENTS, Bundle
from pipelines.stores.registry.registry import DatasetFacts, Registry
from pipelines.stores.releases.release_files import Lineage


def log_release(
    registry: Registry,
    bundle: Path,
    lineage: Lineage,
    card: Scorecard,
    decision: Decision,
    rehearsal: Rehearsal | None = None,
) -> None:
    """Log the release to its run, documents and cards included, once: a second call changes nothing."""
    facts = Bundle.open(bundle).release
    params = {name: facts[name] for name in ("learner", "primary", "task", "rows", "labels", "trained_rows")}
    params |= {f"param.{name}": value for name, value in facts["params"].items()}
    tags = {
        "ratchet.problem": str(facts["problem"]),
        "ratchet.snapshot": lineage.snapshot,
        "ratchet.problem_digest": str(facts["problem_digest"]),
        "ratchet.contract_digest": str(facts["contract_digest"]),
        "ratchet.model_digest": card.digest,
        "ratchet.decision": decision.outcome,
        "ratchet.code": lineage.code.digest,
        "mlflow.source.git.commit": lineage.code.commit or "",
        "ratchet.code_clean": str(lineage.code.clean),
        "mlflow.note.content": "; ".join(decision.reasons),
    }
    dataset = DatasetFacts(str(facts["problem"]), lineage.snapshot, lineage.source, lineage.rows)
    at = lineage.as_of.timestamp()
    registry.log(lineage.run_id, params, measured(card, rehearsal), tags, bundle / DOCUMENTS, dataset, at)


def measured(card: Scorecard, rehearsal: Rehearsal | None = None) -> dict[str, float]:
    """Every number under a name of its own: test_x and its ends, fitted_x, baseline_x, champion_x, rehearsal_x."""
    found: dict[str, float | None] = {}
    for name, metric in card.metrics.items():
        found |= {
            f"test_{name}": metric.value,
            f"test_{name}_low": metric.low,
            f"test_{name}_high": metric.high,
        }
        found[f"baseline_{name}"] = card.baseline[name].value
        if card.champion is not None and name in card.champion.metrics:
            found[f"champion_{name}"] = card.champion.metrics[name].value
    if card.comparison is not None:
        found |= {f"gain_{card.primary}": card.comparison.difference, "gain_low": card.comparison.low}
    found |= {f"fitted_{name}": metric.value for name, metric in card.fitted.items()}
    found["calibration_error"] = card.calibration.ece
    if rehearsal is not None and rehearsal.skipped is None:
        names = ("rows", "wrong", "largest", "latency_ms", "latency_p99_ms", "size_mb")
        found |= {f"rehearsal_{name}": getattr(rehearsal, name) for name in names}
    return {name: value for name, value in found.items() if value is not None}
