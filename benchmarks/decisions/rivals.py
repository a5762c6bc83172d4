"""What the field's usual rules say to the same figures: `new >= old`, and MLflow's thresholds."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from mlflow import validate_evaluation_results
from mlflow.models import EvaluationResult, MetricThreshold
from mlflow.models.evaluation.validation import ModelValidationFailedException

from pipelines.core.metrics import better
from pipelines.core.problem import HIGHER_IS_BETTER

STEPS = (0.01, 0.05)
"""Changes that MLflow is told to ask for, relative to the champion; its documentation's example has 0.05."""
RIVALS = (">=", *(f"mlflow {step:.0%}" for step in STEPS))

logging.getLogger("mlflow.models.evaluation.validation").setLevel(logging.ERROR)  # a line per duel says nothing


def rivals_promote(metric: str, new: Mapping[str, float], old: Mapping[str, float]) -> dict[str, bool]:
    """Whether each rule would put the new model in the old one's place.

    >>> rivals_promote("roc_auc", {"roc_auc": 0.82}, {"roc_auc": 0.80})
    {'>=': True, 'mlflow 1%': True, 'mlflow 5%': False}
    """
    found = {">=": not better(metric, old[metric], new[metric])}
    for step in STEPS:
        threshold = MetricThreshold(min_relative_change=step, greater_is_better=metric in HIGHER_IS_BETTER)
        found[f"mlflow {step:.0%}"] = _mlflow({metric: threshold}, new, old)
    return found


def _mlflow(thresholds: dict[str, MetricThreshold], new: Mapping[str, float], old: Mapping[str, float]) -> bool:
    results = [EvaluationResult(metrics=dict(one), artifacts={}, run_id="duel") for one in (new, old)]
    try:
        validate_evaluation_results(thresholds, *results)
    except ModelValidationFailedException:
        return False
    return True
