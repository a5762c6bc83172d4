"""History features: aggregates over past rows of an entity, joined point-in-time on *known at*.

A value counts for a row only if it was known strictly before the row's own time (so a row never sees itself) and
within the window before it. The same lookup serves training, batch scoring, serving and backtests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.core.entities import Entities, texts_of
from pipelines.core.errors import ModelFileError, ProblemError
from pipelines.core.problem import HistoryFeature, Problem, Task
from pipelines.core.timelines import Timeline, seconds_of
from pipelines.core.windows import Reads, Wanted, Windows

if TYPE_CHECKING:
    import pandas as pd

_FEW = 5  # rows up to which bisection beats array operations
_SOME = 64  # rows up to which lists become arrays all at once
_NO_TIME = int(np.datetime64("NaT", "us").view(np.int64))


class HistoryIndex:
    """All known events of a problem's history features, ready to be asked as of any moment.

    >>> import pandas as pd
    >>> from datetime import timedelta
    >>> problem = Problem(name="p", task="binary", data={"source": "t.csv", "target": "late", "time": "at"})
    >>> rows = pd.DataFrame({"line": ["a", "a"], "__y": [1.0, 0.0]})
    >>> rows["__time"] = rows["__known_at"] = pd.to_datetime(["2024-01-01", "2024-01-02"]).astype("M8[us]")
    >>> feature = HistoryFeature(name="rate", by=["line"], of="late", window=timedelta(days=7))
    >>> index = HistoryIndex.build(rows, [feature], problem)
    >>> index.lookup({"line": ["a", "a", "b"]}, np.array(["2024-01-02", "2024-01-03", "2024-01-03"], "M8[us]"))
    {'rate': array([1. , 0.5, nan])}
    """

    def __init__(self, wanted: list[Wanted], groups: list[int], entities: list[Entities], read: Reads) -> None:
        """`groups`: for each series, which of `entities` it goes by; `read` gives a series' fields."""
        self._wanted, self._entities = wanted, entities
        self._windows: list[Windows] = []
        self._names = [one.name for one in wanted]
        self._columns = list(dict.fromkeys(column for each in entities for column in each.by))
        self._order: list[str] = []
        for moments, series in _by_moments(range(len(groups)), read):
            asked = [one for one in wanted if one.series in series]
            self._order += [one.name for one in asked]
            self._windows.append(Windows(moments, series, [groups[one] for one in series], asked, read))

    @property
    def names(self) -> list[str]:
        """The history features, in the problem file's order."""
        return list(self._names)

    @property
    def columns(self) -> list[str]:
        """Columns that a lookup needs: those that name entities."""
        return list(self._columns)

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
            wanted.append(Wanted(feature.name, feature.how, int(feature.window.total_seconds()), series[key][0]))
        lines = [line for _, line in series.values()]
        groups = [line.entities for line in lines]
        return cls(
            wanted,
            groups,
            [each for _, each, _ in entities.values()],
            lambda number, field: getattr(lines[number], field),
        )

    def lookup(self, columns: Mapping[str, Any], times: np.ndarray) -> dict[str, np.ndarray]:
        """Each history feature at each row's moment, as float64 arrays of `len(times)`.

        `columns` holds at least those of `self.columns`, typed as in the contract. An entity never seen has count 0
        and NaN for the rest; so has one with nothing known in the window. A missing time gives NaN.
        """
        exact = np.asarray(times, dtype="M8[us]")
        if len(exact) <= _FEW:
            values = self._few(columns, exact)
        else:
            values = self._many(columns, exact)
            unknown = np.isnat(exact)
            if unknown.any():
                values[:, unknown] = np.nan
        found = dict(zip(self._order, values, strict=True))
        return found if len(self._windows) == 1 else {name: found[name] for name in self._names}

    def _few(self, columns: Mapping[str, Any], times: np.ndarray) -> np.ndarray:
        """The features, in the order of the windows, of a few rows: shape (features, rows)."""
        rows = len(times)
        texts = {name: texts_of(columns[name]) for name in self._columns}
        codes = [entities.find_texts(texts, rows) for entities in self._entities]
        out = np.empty((len(self._order), rows))
        for row, moment in enumerate(times.view(np.int64).tolist()):
            if moment == _NO_TIME:
                out[:, row] = np.nan
                continue
            code, seconds = [group[row] for group in codes], moment // 1_000_000
            out[:, row] = [value for windows in self._windows for value in windows.one(code, seconds)]
        return out

    def _many(self, columns: Mapping[str, Any], times: np.ndarray) -> np.ndarray:
        """The same for many rows."""
        rows = len(times)
        texts = {name: texts_of(columns[name]) for name in self._columns}
        if rows <= _SOME:
            codes = np.array([entities.find_texts(texts, rows) for entities in self._entities], dtype=np.int64)
        else:
            codes = np.array([entities.find_many(texts, rows) for entities in self._entities])
        seconds = seconds_of(times)
        found = [windows.many(codes, seconds) for windows in self._windows]
        return found[0] if len(found) == 1 else np.concatenate([np.empty((0, rows)), *found])

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The whole index as plain arrays under plain names (no objects, so nothing to unpickle)."""
        arrays: dict[str, np.ndarray] = {}
        for number, one in enumerate(self._wanted):
            arrays[f"wanted.{number}.text"] = np.array([one.name, one.how])
            arrays[f"wanted.{number}.numbers"] = np.array([one.seconds, one.series], dtype=np.int64)
        for windows in self._windows:
            arrays |= windows.to_arrays()
        for number, entities in enumerate(self._entities):
            for field, array in entities.to_arrays().items():
                arrays[f"entities.{number}.{field}"] = array
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> HistoryIndex:
        """The index that `to_arrays` came from; raises ModelFileError when a part is missing.

        Each array is read once it is needed, and those that no feature needs are not read at all.
        """
        try:
            wanted = [
                Wanted(str(text[0]), str(text[1]), *(int(n) for n in arrays[f"wanted.{number}.numbers"]))
                for number, text in enumerate(_numbered(arrays, "wanted", "text"))
            ]
            entities = [
                Entities.from_arrays({"by": by, "names": arrays[f"entities.{number}.names"]})
                for number, by in enumerate(_numbered(arrays, "entities", "by"))
            ]
            groups = [int(group[0]) for group in _numbered(arrays, "series", "entities")]
            return cls(wanted, groups, entities, lambda number, field: arrays[f"series.{number}.{field}"])
        except (KeyError, IndexError, ValueError) as error:
            raise ModelFileError(f"the history store lacks a part ({error}): materialise it again") from error


def _numbered(arrays: Mapping[str, np.ndarray], prefix: str, field: str) -> list[np.ndarray]:
    """The arrays `prefix.0.field`, `prefix.1.field` and so on."""
    found: list[np.ndarray] = []
    while f"{prefix}.{len(found)}.{field}" in arrays:
        found.append(arrays[f"{prefix}.{len(found)}.{field}"])
    return found


def _by_moments(series: Sequence[int], read: Reads) -> list[tuple[np.ndarray, list[int]]]:
    """The series that became known at the very same moments, together: they share one array of these."""
    found: list[tuple[np.ndarray, list[int]]] = []
    for number in series:
        moments = read(number, "moments")
        for known, members in found:
            if np.array_equal(known, moments):
                members.append(number)
                break
        else:
            found.append((moments, [number]))
    return found


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
    import pandas as pd  # only building needs it, and serving must not import it

    column = frame[feature.of]
    if not pd.api.types.is_numeric_dtype(column):
        if feature.how == "count":
            return np.where(column.isna(), np.nan, 1.0), known
        raise ProblemError(
            f"history feature {feature.name!r}: column {feature.of!r} is no number; `how: count` would do"
        )
    return column.to_numpy(dtype=np.float64), known
