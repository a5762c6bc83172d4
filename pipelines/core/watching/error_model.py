"""The error model of a regression: the squared error to be expected of a row, by its features and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor

from pipelines.core.comparison import as_numbers
from pipelines.core.observation import Answered

_FEWEST = 300  # labelled rows below which every row is expected to err alike
_MOST = 20_000  # rows that the model is fitted on
_FOLDS = 5
_MOST_VALUES = 254
_MISSING = -1e30  # a column without any number makes scikit-learn stumble, so that missing is a number like others
_USEFUL = 0.1  # of its own differences that must be borne out by rows it did not see


@dataclass(frozen=True)
class ErrorModel:
    """The expected squared error, with the variance and the third moment about it in its own units."""

    mean: float
    spread: float
    """Variance of the squared error, as a multiple of its expectation squared."""
    skew: float
    """Third central moment, as a multiple of its expectation cubed."""
    trust: float = 0.0
    """How much of the model's differences between rows is believed."""
    model: Any = None
    codes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def expected(self, rows: Answered) -> np.ndarray:
        """(n,) the squared error to be expected of each row.

        >>> rows = Answered(pd.DataFrame(index=range(2)), np.zeros(2), np.zeros(2), np.zeros(2), {})
        >>> ErrorModel(4.0, 2.0, 8.0).expected(rows).tolist()
        [4.0, 4.0]
        """
        if self.model is None or not len(rows.scores):
            return np.full(len(rows.scores), self.mean)
        return self._drawn_in(self.model.predict(_table(rows, self.codes)))

    def _drawn_in(self, found: np.ndarray) -> np.ndarray:
        return _drawn_in(found, self.mean, self.trust)


def fit_error_model(rows: Answered, squares: np.ndarray) -> tuple[ErrorModel, np.ndarray]:
    """The model of `squares` (n,), winsorised squared errors, and what it expects of these rows without seeing them.

    Direct loss estimation: a regressor of the loss on the features (NannyML's DLE; Guerra et al., "Predicting the
    performance of machine learning algorithms", 2008), here by gradient boosting, judged by folds of consecutive rows
    and believed only as far as those bear it out.
    """
    mean = float(squares.mean()) or 1.0
    if len(squares) < _FEWEST:
        return _with_moments(ErrorModel(mean, 2.0, 8.0), squares, np.full(len(squares), mean))
    codes = _codes(rows.frame)
    table = _table(rows, codes)
    order = np.argsort(rows.moments, kind="stable")
    apart = np.empty(len(squares))
    for fold in np.array_split(order, _FOLDS):
        others = np.setdiff1d(order, fold)
        apart[fold] = _fitted(table[others], squares[others]).predict(table[fold])
    away = apart - mean
    trust = float(np.clip((away * (squares - mean)).mean() / max(float((away**2).mean()), 1e-300), 0.0, 1.0))
    if trust < _USEFUL:
        return _with_moments(ErrorModel(mean, 2.0, 8.0), squares, np.full(len(squares), mean))
    model = ErrorModel(mean, 2.0, 8.0, trust, _fitted(table, squares), codes)
    return _with_moments(model, squares, _drawn_in(apart, mean, trust))


def _with_moments(model: ErrorModel, squares: np.ndarray, expected: np.ndarray) -> tuple[ErrorModel, np.ndarray]:
    away = squares / expected - 1
    if len(away) < 30:
        return model, expected
    spread, skew = float((away**2).mean()), max(float((away**3).mean()), 0.0)
    return ErrorModel(model.mean, max(spread, 0.1), skew, model.trust, model.model, model.codes), expected


def _drawn_in(found: np.ndarray, mean: float, trust: float) -> np.ndarray:
    return np.maximum(mean + trust * (found - mean), 0.1 * mean)


def _fitted(table: np.ndarray, squares: np.ndarray) -> HistGradientBoostingRegressor:
    chosen = np.unique(np.linspace(0, len(squares) - 1, min(_MOST, len(squares))).astype(int))
    model = HistGradientBoostingRegressor(
        max_iter=60, max_leaf_nodes=8, min_samples_leaf=max(20, len(chosen) // 50), early_stopping=False, random_state=0
    )
    return model.fit(table[chosen], squares[chosen])


def _codes(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Numbers for the values of each column that has none of its own, the most frequent first; moments have none."""
    found: dict[str, dict[str, float]] = {}
    for name in frame.columns:
        if pd.api.types.is_datetime64_any_dtype(frame[name]):
            found[str(name)] = {}
        elif not _counts(frame[name]):
            often = _texts(frame[name]).value_counts().index[:_MOST_VALUES]
            found[str(name)] = {text: float(place) for place, text in enumerate(often)}
    return found


def _table(rows: Answered, codes: Mapping[str, Mapping[str, float]]) -> np.ndarray:
    """(n, columns + 1): the features as numbers, and the answer."""
    found = [
        _texts(rows.frame[name]).map(codes[str(name)]).to_numpy(dtype=np.float64)
        if str(name) in codes
        else as_numbers(rows.frame[name])
        for name in rows.frame.columns
    ]
    table = np.column_stack([*found, rows.scores]).astype(np.float64)
    return np.where(np.isfinite(table), table, _MISSING)


def _counts(values: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values))


def _texts(values: pd.Series) -> pd.Series:
    return values.astype(object).where(values.notna(), None).map(str, na_action="ignore")
