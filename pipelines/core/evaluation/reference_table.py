"""The table of a release's held-out rows: the columns of the rows, and beside them the answers and what came.

What is no column of the rows is named `__...`, which no column of a problem may be: a feature called `prediction`
or `label` stays what it is. Tables written before that have plain names; both are read.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

_PREFIX, _PROBABILITY = "__", "probability_"


def with_answers(
    rows: pd.DataFrame, predictions: np.ndarray, scores: np.ndarray, labels: np.ndarray, classes: Sequence[str] | None
) -> pd.DataFrame:
    """`rows` with the answers and the labels beside them: a new frame.

    `predictions` and `labels`: (n,), as callers see them; `scores`: probabilities (n, classes), unused without classes.

    >>> rows = pd.DataFrame({"prediction": ["rain"]})
    >>> made = with_answers(rows, np.array(["no"]), np.array([[0.75, 0.25]]), np.array(["yes"]), ["no", "yes"])
    >>> made.columns.tolist()
    ['prediction', '__prediction', '__probability_no', '__probability_yes', '__label']
    """
    columns = {"__prediction": predictions}
    columns |= {f"{_PREFIX}{_PROBABILITY}{name}": scores[:, place] for place, name in enumerate(classes or [])}
    columns["__label"] = labels
    return pd.concat([rows, pd.DataFrame(columns, index=rows.index)], axis=1)


def has_answers(reference: pd.DataFrame, classes: Sequence[str] | None) -> bool:
    """Whether the table has labels and the scores of these classes."""
    return {_named("label", reference), *_score_names(reference, classes)} <= set(reference.columns)


def reference_labels(reference: pd.DataFrame) -> pd.Series:
    """What came of each row, in the labels' own type."""
    return reference[_named("label", reference)]


def reference_scores(reference: pd.DataFrame, classes: Sequence[str] | None) -> np.ndarray:
    """What was answered: probabilities, (n, classes), or values, (n,), without classes.

    >>> reference_scores(pd.DataFrame({"__prediction": [2.0], "__label": [1.0], "prediction": [7.0]}), None)
    array([2.])
    """
    found = reference[_score_names(reference, classes)].to_numpy(dtype=np.float64)
    return found if classes is not None else found[:, 0]


def scores_by_name(reference: pd.DataFrame) -> pd.DataFrame:
    """The columns of scores, whatever the classes: `probability_<class>` in the order of the names, or `prediction`."""
    prefix = _prefix(reference)
    names = sorted(name for name in reference.columns if str(name).startswith(prefix + _PROBABILITY))
    found = reference[names or [f"{prefix}prediction"]].astype(np.float64)
    return found.rename(columns=lambda name: str(name).removeprefix(_PREFIX))


def _score_names(reference: pd.DataFrame, classes: Sequence[str] | None) -> list[str]:
    if classes is None:
        return [_named("prediction", reference)]
    return [_named(f"{_PROBABILITY}{name}", reference) for name in classes]


def _named(name: str, reference: pd.DataFrame) -> str:
    return _prefix(reference) + name


def _prefix(reference: pd.DataFrame) -> str:
    return _PREFIX if "__prediction" in reference.columns else ""
