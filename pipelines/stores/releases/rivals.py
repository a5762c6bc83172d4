"""A rival: another release's answers to the rows that a candidate is judged on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.core.contract import Contract, check
from pipelines.core.errors import RatchetError
from pipelines.core.history import HistoryIndex
from pipelines.core.problem import Problem
from pipelines.core.scoring import score
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.data.tables import read_parquet


def rival_scores(
    rival: Bundle, problem: Problem, contract: Contract, rows: pd.DataFrame, prepared: Path
) -> tuple[np.ndarray | None, str | None]:
    """The rival's scores on `rows` in the candidate's class order, or None and the reason why there are none.

    The rival reads the rows by its own contract and its own history features; those that the candidate's
    table does not hold are looked up in an index built from `prepared`, the candidate's prepared table.
    """
    obstacle = _obstacle(rival, problem, contract, rows)
    if obstacle is not None:
        return None, obstacle
    try:
        frame = check(rival.contract, rows).frame
        frame = frame.assign(**_history(rival, problem, rows, prepared))
        found = score(rival.pipeline, contract.task, frame)
    except (RatchetError, ValueError, TypeError, KeyError) as error:
        return None, f"{type(error).__name__}: {error}"
    if contract.task == "regression":
        return found, None
    return _in_class_order(found, rival.contract.classes or [], contract.classes or []), None


def _obstacle(rival: Bundle, problem: Problem, contract: Contract, rows: pd.DataFrame) -> str | None:
    if rival.contract.task != contract.task:
        return f"it answers a {rival.contract.task} task, the candidate a {contract.task} one"
    if rival.problem.data.target != problem.data.target:
        return "it predicts another target"
    gone = [column.name for column in rival.contract.features if column.name not in rows.columns]
    return f"columns that it needs are gone: {', '.join(gone[:5])}" if gone else None


def _history(rival: Bundle, problem: Problem, rows: pd.DataFrame, prepared: Path) -> dict[str, np.ndarray]:
    """The rival's history features: taken over where both define them alike, else looked up anew."""
    ours = {feature.name: feature for feature in problem.features.history}
    theirs = rival.problem.features.history
    shared = [one.name for one in theirs if ours.get(one.name) == one and one.name in rows.columns]
    found: dict[str, np.ndarray] = {name: rows[name].to_numpy() for name in shared}
    others = [one for one in theirs if one.name not in found]
    if others:
        index = HistoryIndex.build(read_parquet(prepared), others, rival.problem, rival.contract.task)
        entities = {name: rows[name].to_numpy() for name in index.columns}
        found |= index.lookup(entities, rows["__time"].to_numpy())
    return found


def _in_class_order(scores: np.ndarray, theirs: list[str], ours: list[str]) -> np.ndarray:
    """Probabilities by the candidate's classes; a class that the rival does not know gets none."""
    aligned = np.zeros((len(scores), len(ours)))
    for position, name in enumerate(theirs):
        if name in ours:
            aligned[:, ours.index(name)] = scores[:, position]
    total = aligned.sum(axis=1, keepdims=True)
    return np.where(total > 0, aligned / np.where(total > 0, total, 1), 1 / max(1, len(ours)))
