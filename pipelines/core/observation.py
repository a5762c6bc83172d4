"""Rows that were answered, as monitoring looks at them: a window of the log, or the release's reference."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from pipelines.core.comparison import PairKind, sample_rows
from pipelines.core.contract import Contract, check, encode_label
from pipelines.core.drift import ColumnQuality
from pipelines.core.schema import Column

PREDICTION = "(prediction)"
_PLAIN = (str, int, float, bool)  # labels that their text and type tell apart


@dataclass(frozen=True)
class Answered:
    """n answered rows: contract-typed features with history columns, the answers and the labels known.

    `moments`: datetime64 (NaT where unknown). `scores`: (n,) values or (n, classes) probabilities, NaN where
    a row has none. `labels`: class index or value, NaN where unlabelled. `broken`: share of values per column
    that broke the contract.
    """

    frame: pd.DataFrame
    moments: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    broken: Mapping[str, float]

    def __len__(self) -> int:
        return len(self.frame)

    def rows(self, chosen: np.ndarray) -> Answered:
        """The chosen rows only: a mask or positions."""
        return replace(
            self,
            frame=self.frame[chosen] if chosen.dtype == bool else self.frame.iloc[chosen],
            moments=self.moments[chosen],
            scores=self.scores[chosen],
            labels=self.labels[chosen],
        )


def read_window(contract: Contract, history: Sequence[str], rows: pd.DataFrame) -> Answered:
    """The rows of a window of the log: columns inputs, history, moment, prediction, probabilities, label."""
    checked = check(contract, pd.DataFrame(rows["inputs"].tolist(), index=range(len(rows))))
    joined = pd.DataFrame([one or {} for one in rows["history"]], index=range(len(rows)))
    frame = pd.concat([checked.frame, _numeric(joined, history)], axis=1)
    broken = checked.issues["feature"].value_counts() / max(len(rows), 1)
    return Answered(
        frame,
        rows["moment"].to_numpy(dtype="datetime64[us]"),
        _window_scores(contract, rows),
        encode_labels(contract, rows["label"]),
        {str(name): float(share) for name, share in broken.items()},
    )


def read_reference(
    contract: Contract, history: Sequence[str], frame: pd.DataFrame, scores: np.ndarray, labels: pd.Series
) -> Answered:
    """The release's held-out rows: features, history features and `__time`, with their scores and labels."""
    typed = pd.concat([check(contract, frame).frame, _numeric(frame, history)], axis=1)
    times = frame["__time"] if "__time" in frame.columns else pd.Series(pd.NaT, index=frame.index)
    moments = times.to_numpy(dtype="datetime64[us]")
    return Answered(typed, moments, scores, encode_labels(contract, labels), {})


def encode_labels(contract: Contract, labels: pd.Series) -> np.ndarray:
    """Labels as class index or value; NaN where there is none, or one that is none of the classes."""
    codes: dict[object, float] = {}
    found = np.full(len(labels), np.nan)
    for position, label in enumerate(labels):
        if label is None or label != label:
            continue
        kind = type(label)
        key = (kind, repr(label)) if kind in _PLAIN else json.dumps(label, default=str)
        if key not in codes:
            try:
                codes[key] = encode_label(contract, label)
            except ValueError:  # a class of a newer release: this one cannot be judged by it
                codes[key] = np.nan
        found[position] = codes[key]
    return found


def watched_columns(contract: Contract, history: Sequence[str]) -> list[Column]:
    """The features and history features that are compared: not the problem's own time, which always moves on."""
    columns = [one for one in contract.features if one.name != contract.time and one.kind != "ignored"]
    return columns + [Column(name=name, kind="numeric") for name in history]


def pair_kind(column: Column) -> PairKind:
    """How a column is compared: a text by its length, a date by its distance from the moment, both numbers."""
    return "categorical" if column.kind == "categorical" else "numeric"


def column_quality(
    contract: Contract, history: Sequence[str], reference: Answered, window: Answered
) -> list[ColumnQuality]:
    """Missing, unseen and out-of-range shares of each feature, over all rows of the window."""
    if not len(window):
        return []
    found = [_quality(column, reference, window) for column in contract.features]
    return found + [_quality(Column(name=name, kind="text"), reference, window) for name in history]


def _quality(column: Column, reference: Answered, window: Answered) -> ColumnQuality:
    values, before = (
        one.frame.get(column.name, pd.Series(np.nan, index=one.frame.index)) for one in (window, reference)
    )
    present = values.notna()
    unseen = outside = 0.0
    if column.kind == "categorical" and column.seen is not None and present.any():
        unseen = float((~values[present].isin(column.seen)).mean())
    if column.kind == "numeric" and column.low is not None and column.high is not None and present.any():
        numbers = pd.to_numeric(values[present], errors="coerce")
        outside = float((~numbers.between(column.low, column.high)).mean())
    missing_before = float(before.isna().mean()) if len(before) else column.missing
    broken = window.broken.get(column.name, 0.0)
    return ColumnQuality(column.name, float((~present).mean()), missing_before, unseen, outside, broken)


def column_values(column: Column, contract: Contract, rows: Answered) -> np.ndarray:
    """The column as numbers or categories (n,): a text by its length, a date by its seconds from the moment.

    A column that the frame lacks is missing in every row.
    """
    if column.name not in rows.frame.columns:
        return np.full(len(rows), np.nan)
    values = rows.frame[column.name]
    if column.kind == "text":
        return values.astype("string").str.len().to_numpy(dtype=object, na_value=None)
    if column.kind == "datetime":
        moments = values.to_numpy(dtype="datetime64[us]")
        since = rows.moments if contract.time is not None else np.datetime64(0, "us")
        seconds = (moments - since) / np.timedelta64(1, "s")
        return np.where(np.isnat(moments - since), np.nan, seconds)
    return values.to_numpy()


def answer_values(contract: Contract, scores: np.ndarray) -> np.ndarray:
    """The answers as monitoring compares them (n,): the number, the positive class's probability, or the class."""
    if contract.task == "regression":
        return scores
    if contract.task == "binary":
        return scores[:, 1]
    known = np.isfinite(scores).all(axis=1)
    best = np.array(contract.classes, dtype=object)[np.where(known[:, None], scores, 0.0).argmax(axis=1)]
    best[~known] = None
    return best


def sampled(rows: Answered, size: int) -> np.ndarray:
    """Positions of at most `size` rows, chosen by content; in the order of their moments for the drawings."""
    if len(rows) <= size:
        return np.arange(len(rows))
    table = rows.frame.assign(**{"\0moment": rows.moments}).reset_index(drop=True)
    return sample_rows(table, size).index.to_numpy()


def _window_scores(contract: Contract, rows: pd.DataFrame) -> np.ndarray:
    if contract.classes is None:
        return pd.to_numeric(rows["prediction"], errors="coerce").to_numpy(dtype=np.float64)
    nothing: dict[str, Any] = {}
    given = [one or nothing for one in rows["probabilities"]]
    found = [[one.get(name) for name in contract.classes] for one in given]
    return np.array(found, dtype=np.float64).reshape(len(rows), len(contract.classes))


def _numeric(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    nothing = pd.Series(np.nan, index=frame.index)
    found = {name: pd.to_numeric(frame.get(name, nothing), errors="coerce").to_numpy() for name in names}
    return pd.DataFrame(found, index=range(len(frame)), dtype=np.float64)
