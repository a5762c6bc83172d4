"""The one way that anything predicts: from checked rows to the model's input, to scores, to answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipelines.core.contract import decode
from pipelines.core.errors import ModelFileError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from pipelines.core.contract import Contract
    from pipelines.core.history import HistoryIndex
    from pipelines.core.problem import Task


def model_input(frame: pd.DataFrame, index: HistoryIndex | None, times: np.ndarray | None) -> pd.DataFrame:
    """The checked rows with their history columns joined; the frame given is left as it was.

    `frame` holds contract-typed columns, `times` one datetime64 per row (UTC): the moment of the prediction.
    Without an index the rows come back as they are.
    """
    if index is None:
        return frame
    if times is None:
        raise ModelFileError("history features need the moment of each row: pass `times`")
    joined = index.lookup({name: frame[name].to_numpy() for name in index.columns}, times)
    kept = frame.drop(columns=[name for name in joined if name in frame.columns])
    return pd.concat([kept, pd.DataFrame(joined, index=frame.index)], axis=1)


def score(pipeline: Pipeline, task: Task, frame: pd.DataFrame) -> np.ndarray:
    """Scores of each row, float64: (n,) values for regression, (n, k) probabilities in the contract's class order.

    Columns are taken by name: their order, and columns that the model does not know, make no difference.
    Raises ModelFileError where a column that the model needs is not there.
    """
    names = list(pipeline.feature_names_in_)
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise ModelFileError(f"the model needs columns that the rows do not have: {', '.join(missing[:5])}")
    if len(frame) == 0:
        return np.empty(0) if task == "regression" else np.empty((0, len(pipeline.classes_)))
    rows = frame[names]
    scores = pipeline.predict(rows) if task == "regression" else pipeline.predict_proba(rows)
    return np.asarray(scores, dtype=np.float64)


def answers(contract: Contract, scores: np.ndarray) -> list[dict[str, Any]]:
    """What a client gets for each row: `prediction`, and for classification `probabilities` by class text."""
    if contract.task == "regression":
        return [{"prediction": float(value)} for value in scores]
    classes = contract.classes or []
    labels = [decode(contract, float(code)) for code in range(len(classes))]
    best = scores.argmax(axis=1)
    return [
        {"prediction": labels[winner], "probabilities": dict(zip(classes, row, strict=True))}
        for winner, row in zip(best.tolist(), scores.tolist(), strict=True)
    ]
