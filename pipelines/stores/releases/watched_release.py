"""A release as the judgement of its windows needs it: from its bundle, or from a run that was never released."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pandas as pd

from pipelines.core.contract import Contract
from pipelines.core.evaluation.reference_table import reference_labels, reference_scores
from pipelines.core.observation import read_reference
from pipelines.core.watching.release_side import ReleaseSide
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.data.tables import read_parquet

_NEARLY_ALL = 0.95


def watched_release(bundle: Bundle) -> ReleaseSide:
    """The side of an opened release: its held-out rows with the answers and labels that were kept with them."""
    history = [one.name for one in bundle.problem.features.history]
    frame = read_parquet(bundle.reference_path)
    return release_side(bundle.version or 0, bundle.contract, history, frame, bundle.scorecard)


def release_side(
    version: int, contract: Contract, history: Sequence[str], frame: pd.DataFrame, scorecard: Mapping[str, Any]
) -> ReleaseSide:
    """The side of a run: `frame` is its reference.parquet, `scorecard` its scorecard as JSON."""
    frame = judged_rows(frame, scorecard)
    scores = reference_scores(frame, contract.classes)
    return ReleaseSide(
        version=version,
        contract=contract,
        history=tuple(history),
        reference=read_reference(contract, history, frame, scores, reference_labels(frame)),
        losses=_losses(scorecard),
        usage=feature_usage(scorecard),
        label_delay=label_delay(frame),
    )


def judged_rows(frame: pd.DataFrame, scorecard: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of a reference that the scorecard goes by: those from before its period were not new to the champion.

    >>> rows = pd.DataFrame({"__time": pd.to_datetime(["2013-03-01", "2013-03-02"])})
    >>> len(judged_rows(rows, {"period": ["2013-03-02T00:00:00Z", "2013-03-02T00:00:00Z"]})), len(judged_rows(rows, {}))
    (1, 2)
    """
    period = scorecard.get("period")
    if not period or "__time" not in frame.columns:
        return frame
    judged = frame["__time"] >= pd.Timestamp(period[0]).tz_localize(None)
    return frame[judged].reset_index(drop=True) if judged.any() and not judged.all() else frame


def label_delay(frame: pd.DataFrame) -> timedelta:
    """How long after their own moment 95% of a reference's labels were known; nothing where nothing says.

    >>> moments = pd.to_datetime(["2013-03-01", "2013-03-02"])
    >>> label_delay(pd.DataFrame({"__time": moments, "__known_at": moments + pd.Timedelta("5D")}))
    datetime.timedelta(days=5)
    """
    if not {"__time", "__known_at"} <= set(frame.columns):
        return timedelta(0)
    delays = (frame["__known_at"] - frame["__time"]).dropna()
    if delays.empty:
        return timedelta(0)
    return max(pd.Timedelta(delays.quantile(_NEARLY_ALL)).to_pytimedelta(), timedelta(0))


def feature_usage(scorecard: Mapping[str, Any]) -> dict[str, float]:
    """Shares of the model's use by feature, adding up to 1; empty where the scorecard explains nothing.

    By the mean absolute SHAP values where every feature has one, else by how much the metric falls when the feature
    is shuffled.

    >>> feature_usage({"explanation": {"importances": [{"feature": "a", "fall": 0.3}, {"feature": "b", "fall": -0.1}]}})
    {'a': 1.0, 'b': 0.0}
    """
    found = (scorecard.get("explanation") or {}).get("importances") or []
    whole = all(one.get("contribution") is not None for one in found)
    weights = {one["feature"]: max(float(one["contribution" if whole else "fall"]), 0.0) for one in found}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()} if total > 0 else {}


def _losses(scorecard: Mapping[str, Any]) -> dict[str, float]:
    """The scorecard's values by metric; one that could not be told is left out."""
    found = {name: (one or {}).get("value") for name, one in (scorecard.get("metrics") or {}).items()}
    return {name: float(value) for name, value in found.items() if value is not None}
