"""History features: aggregates over past rows of an entity, joined point-in-time on *known at*.

A value counts for a row only if it was known strictly before the row's own time (so a row never sees itself) and
within the window before it. The same lookup serves training, batch scoring, serving and backtests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipelines.core.entities import Entities
from pipelines.core.errors import ModelFileError, ProblemError
from pipelines.core.problem import HistoryFeature, Problem, Task
from pipelines.core.timelines import ARRAYS, Timeline, seconds_of


@dataclass(frozen=True)
class _Wanted:
    """One history feature: which series it reads, how it is aggregated, and its window in whole seconds."""

    name: str
    how: str
    seconds: int
    series: int


class HistoryIndex:
    """All known events of a problem's history features, ready to be asked as of any moment.

    >>> from datetime import timedelta
    >>> problem = Problem(name="p", task="binary", data={"source": "t.csv", "target": "late", "time": "at"})
    >>> rows = pd.DataFrame({"line": ["a", "a"], "__y": [1.0, 0.0]})
    >>> rows["__time"] = rows["__known_at"] = pd.to_datetime(["2024-01-01", "2024-01-02"]).astype("M8[us]")
    >>> feature = HistoryFeature(name="rate", by=["line"], of="late", window=timedelta(days=7))
    >>> index = HistoryIndex.build(rows, [feature], problem)
    >>> index.lookup({"line": ["a", "a", "b"]}, np.array(["2024-01-02", "2024-01-03", "2024-01-03"], "M8[us]"))
    {'rate': array([1. , 0.5, nan])}
    """

    def __init__(self, wanted: list[_Wanted], series: list[Timeline], entities: list[Entities]) -> None:
        self._wanted, self._series, self._entities = wanted, series, entities

    @property
    def names(self) -> list[str]:
        """The history features, in the problem file's order."""
        return [one.name for one in self._wanted]

    @property
    def columns(self) -> list[str]:
        """Columns that a lookup needs: those that name entities."""
        return list(dict.fromkeys(column for entities in self._entities for column in entities.by))

    @classmethod
    def build(
        cls,
        frame: pd.DataFrame,
        features: Sequence[HistoryFeature],
        problem: Problem,
        task: Task | None = None,
    ) -> HistoryIndex:
        """The index of a prepared table (`__time`, `__known_at`, `__y`, contract-typed columns).

        `task` is the contract's where the problem file leaves it to be inferred.
        Raises ProblemError for a column that is not there, is no number, or a multiclass target.
        """
        entities: dict[tuple[str, ...], tuple[int, Entities, np.ndarray]] = {}
        series: dict[tuple[Any, ...], tuple[int, Timeline]] = {}
        wanted = []
        for feature in features:
            by = tuple(feature.by)
            if by not in entities:
                _require(frame, feature, by)
                entities[by] = (len(entities), *Entities.of(frame, by))
            group, known_entities, codes = entities[by]
            key = (group, feature.of, feature.known_at)
            if key not in series:
                values, known = _events(frame, feature, problem, task or problem.task)
                series[key] = (len(series), Timeline.of(group, codes, values, known, len(known_entities)))
            wanted.append(_Wanted(feature.name, feature.how, int(feature.window.total_seconds()), series[key][0]))
        return cls(wanted, [each for _, each in series.values()], [each for _, each, _ in entities.values()])

    def lookup(self, columns: Mapping[str, Any], times: np.ndarray) -> dict[str, np.ndarray]:
        """Each history feature at each row's moment, as float64 arrays of `len(times)`.

        `columns` holds at least those of `self.columns`, typed as in the contract. An entity never seen has count 0
        and NaN for the rest; so has one with nothing known in the window. A missing time gives NaN.
        """
        exact = np.asarray(times, dtype="M8[us]")
        moments, unknown = seconds_of(exact), np.isnat(exact)
        codes = [entities.find(columns, len(moments)) for entities in self._entities]
        found: dict[tuple[int, int], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        out = {}
        for one in self._wanted:
            series = self._series[one.series]
            code = codes[series.entities]
            seen = code >= 0
            at = np.where(seen, code, 0)
            if (one.series, one.seconds) not in found:
                low, high = series.ranges(at, moments, one.seconds)
                found[one.series, one.seconds] = (at, low, np.where(seen, high, low))
            values = series.aggregate(one.how, *found[one.series, one.seconds])
            out[one.name] = np.where(unknown, np.nan, values)
        return out

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The whole index as plain arrays under plain names (no objects, so nothing to unpickle)."""
        arrays: dict[str, np.ndarray] = {}
        for number, one in enumerate(self._wanted):
            arrays[f"wanted.{number}.text"] = np.array([one.name, one.how])
            arrays[f"wanted.{number}.numbers"] = np.array([one.seconds, one.series], dtype=np.int64)
        for number, series in enumerate(self._series):
            for field in ARRAYS:
                arrays[f"series.{number}.{field}"] = getattr(series, field)
            arrays[f"series.{number}.entities"] = np.array([series.entities], dtype=np.int64)
        for number, entities in enumerate(self._entities):
            for field, array in entities.to_arrays().items():
                arrays[f"entities.{number}.{field}"] = array
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> HistoryIndex:
        """The index that `to_arrays` came from; raises ModelFileError when a part is missing."""
        try:
            wanted = [
                _Wanted(str(part["text"][0]), str(part["text"][1]), *(int(n) for n in part["numbers"]))
                for part in _parts(arrays, "wanted")
            ]
            series = [
                Timeline(int(part["entities"][0]), **{field: part[field] for field in ARRAYS})
                for part in _parts(arrays, "series")
            ]
            entities = [Entities.from_arrays(part) for part in _parts(arrays, "entities")]
        except (KeyError, IndexError, ValueError) as error:
            raise ModelFileError(f"the history store lacks a part ({error}): materialise it again") from error
        return cls(wanted, series, entities)


def _parts(arrays: Mapping[str, np.ndarray], prefix: str) -> list[dict[str, np.ndarray]]:
    found: dict[int, dict[str, np.ndarray]] = {}
    for name in arrays:
        kind, number, field = name.split(".", 2)
        if kind == prefix:
            found.setdefault(int(number), {})[field] = arrays[name]
    return [found[number] for number in range(len(found))]


def _require(frame: pd.DataFrame, feature: HistoryFeature, columns: Sequence[str]) -> None:
    for column in columns:
        if column not in frame.columns:
            raise ProblemError(f"history feature {feature.name!r}: the data has no column {column!r}")


def _events(
    frame: pd.DataFrame, feature: HistoryFeature, problem: Problem, task: Task | None
) -> tuple[np.ndarray, np.ndarray]:
    """Values (NaN: no event) and the moments at which they became known (datetime64[us]) of each row."""
    target = feature.of is not None and feature.of == problem.data.target.column
    if target and task == "multiclass":
        raise ProblemError(f"history feature {feature.name!r}: a multiclass target has no mean; use another column")
    known_at = feature.known_at or ("__known_at" if target else "__time")
    _require(frame, feature, [known_at])
    known = frame[known_at].to_numpy().astype("M8[us]")
    if feature.of is None:
        return np.ones(len(frame)), known
    if target:
        # A label known before its own row was asked about would let that row see itself.
        return frame["__y"].to_numpy(dtype=np.float64), np.maximum(known, frame["__time"].to_numpy().astype("M8[us]"))
    _require(frame, feature, [feature.of])
    column = frame[feature.of]
    if not pd.api.types.is_numeric_dtype(column):
        if feature.how == "count":
            return np.where(column.isna(), np.nan, 1.0), known
        raise ProblemError(
            f"history feature {feature.name!r}: column {feature.of!r} is no number; `how: count` would do"
        )
    return column.to_numpy(dtype=np.float64), known
