"""Blocks of the prediction log: all rows that were scored together, by columns, in one record.

A row of its own for each answer costs more than everything else about a prediction; a block costs what one row does.
Its ids begin with the same millisecond, which finds it. The content is one JSON document, followed by the columns that
were arrays anyway, as they lie in memory: many rows are written without a look at each, few as plain JSON.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import orjson

from pipelines.stores.logbook.log_entries import LoggedPrediction
from pipelines.stores.logbook.prediction_ids import PredictionIds, raw_id

REACHES = (60, 3_600, 86_400, 30 * 86_400, 366 * 86_400, 10 * 366 * 86_400, 10**12)
"""Seconds between the first and the last moment of a block, in steps: a window looks only so far back for each."""

_FEW = 3  # rows up to which arrays go into the JSON, where they take less room
_JSON = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
_LENGTH = struct.Struct("<I")
_MOMENT = np.dtype("M8[us]")


@dataclass(slots=True)
class LogBlock:
    """A block as it is written."""

    problem: str
    version: int
    run_id: str
    source: str
    ids: PredictionIds
    first: datetime
    """The earliest moment of its rows (UTC, no zone)."""
    last: datetime
    content: bytes

    def __len__(self) -> int:
        return len(self.ids)

    def values(self) -> tuple[Any, ...]:
        """The row of the table, from `made` on, as every driver takes it."""
        span = (self.last - self.first).total_seconds()
        return (
            *(self.ids.made, self.problem, self.version, self.run_id, self.source, len(self.ids)),
            *(self.first.isoformat(" ", "microseconds"), self.last.isoformat(" ", "microseconds")),
            *(next(reach for reach in REACHES if span <= reach), self.ids.raw, self.content),
        )


def write_content(
    asked: Sequence[tuple[str, int]],
    time: str | None,
    inputs: Mapping[str, Any],
    history: Mapping[str, np.ndarray] | None,
    scores: np.ndarray,
    answers: tuple[Sequence[str], Sequence[Any]] | None,
) -> bytes:
    """The content of a block.

    `asked`: when it was asked about so many rows, as ISO texts in UTC; `time`: the input that is the row's own moment.
    `inputs` and `history`: lists or arrays by name. `scores`: (n,) values, or (n, k) probabilities of `answers`, which
    are the k classes' names and labels.
    """
    few = len(scores) <= _FEW
    tail: list[np.ndarray] = []
    document = {
        "asked": asked,
        "time": time,
        "classes": answers,
        "inputs": {name: _part(values, few, tail) for name, values in inputs.items()},
        "history": None if history is None else {name: _part(one, few, tail) for name, one in history.items()},
        "scores": _part(scores, few, tail),
    }
    head = orjson.dumps(document, option=_JSON)
    return b"".join([_LENGTH.pack(len(head)), head, *[part.data for part in tail]])


def _part(values: Any, few: bool, tail: list[np.ndarray]) -> Any:
    """What stands in the document for a column: itself, or how its bytes in the tail are read."""
    if not isinstance(values, np.ndarray):
        return values
    if values.dtype.kind == "M":
        values = values.astype(_MOMENT, copy=False).view(np.int64)
        kind = "M8[us]"
        if few:
            return {kind: values.tolist()}
    elif few or values.dtype != np.float64:
        return np.ascontiguousarray(values) if values.dtype.kind in "iufb" else values.tolist()
    else:
        kind = "f8"
    tail.append(np.ascontiguousarray(values))
    return {kind: None}


@dataclass(frozen=True)
class KeptBlock:
    """A block as it is read back. Cells are as JSON has them: NaN is None, a moment is a text."""

    problem: str
    version: int
    run_id: str
    source: str
    ids: PredictionIds
    content: bytes
    span: tuple[datetime, datetime] | None = None
    """The first and the last moment of its rows (UTC, no zone), where they were looked up."""

    @cached_property
    def parts(self) -> dict[str, Any]:
        """The content: `inputs` and `history` (or None) by name, as lists or arrays of float64 or datetime64[us];
        `scores`, an array; `classes`, their names and labels, or None for a regression.
        """
        (size,) = _LENGTH.unpack_from(self.content)
        document: dict[str, Any] = orjson.loads(self.content[4 : 4 + size])
        tail = _Tail(self.content, 4 + size, len(self.ids))
        document["inputs"] = {name: tail.read(part) for name, part in document["inputs"].items()}
        if document["history"] is not None:
            document["history"] = {name: tail.read(part) for name, part in document["history"].items()}
        width = () if document["classes"] is None else (len(document["classes"][0]),)
        document["scores"] = np.asarray(tail.read(document["scores"], width), dtype=np.float64)
        return document

    @cached_property
    def at(self) -> np.ndarray:
        """When each row was asked about, datetime64[us]."""
        asked = self.parts["asked"]
        return np.repeat(np.array([text for text, _ in asked], dtype=_MOMENT), [count for _, count in asked])

    @cached_property
    def time(self) -> np.ndarray:
        """The moment that each row states itself, datetime64[us]; NaT where it states none."""
        name = self.parts["time"]
        if name is None:
            return np.full(len(self.ids), np.datetime64("NaT", "us"))
        return np.asarray(self.parts["inputs"][name], dtype=_MOMENT)

    @cached_property
    def moment(self) -> np.ndarray:
        """What windows go by, datetime64[us]."""
        return np.where(np.isnat(self.time), self.at, self.time)

    def inputs(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """The inputs of some rows."""
        return _rows(self.parts["inputs"], rows)

    def history(self, rows: Sequence[int]) -> list[dict[str, Any] | None]:
        """The history features of some rows, as they were joined; None where there are none."""
        joined = self.parts["history"]
        return [None] * len(rows) if joined is None else [*_rows(joined, rows)]

    def predictions(self, rows: Sequence[int]) -> list[Any]:
        """The answers to some rows: labels, or values."""
        scores, classes = self.parts["scores"][list(rows)], self.parts["classes"]
        if classes is None:
            return _plain(scores)
        return [classes[1][code] for code in scores.argmax(axis=1).tolist()]

    def probabilities(self, rows: Sequence[int]) -> list[dict[str, float] | None]:
        """The probability of each class, by name; None for a regression."""
        classes = self.parts["classes"]
        if classes is None:
            return [None] * len(rows)
        scores = self.parts["scores"][list(rows)].tolist()
        return [dict(zip(classes[0], row, strict=True)) for row in scores]

    def row(self, place: int) -> LoggedPrediction:
        """One row as it was logged."""
        at, time = self.at[place].item(), self.time[place]
        return LoggedPrediction(
            id=self.ids.text(place),
            problem=self.problem,
            version=self.version,
            run_id=self.run_id,
            at=at,
            time=None if np.isnat(time) else time.item(),
            inputs=self.inputs([place])[0],
            prediction=self.predictions([place])[0],
            probabilities=self.probabilities([place])[0],
            history=self.history([place])[0],
            source=self.source,
        )

    def place(self, prediction_id: str) -> int | None:
        """Which of its rows has this id."""
        return self.ids.place(raw_id(prediction_id))


class _Tail:
    """The columns behind the document, one after another."""

    def __init__(self, content: bytes, start: int, rows: int) -> None:
        self._content, self._place, self._rows = content, start, rows

    def read(self, part: Any, width: tuple[int, ...] = ()) -> Any:
        """A column: a list, or an array of float64 or datetime64[us]."""
        if not isinstance(part, dict):
            return part
        ((kind, told),) = part.items()
        if told is not None:
            return np.array(told, dtype=np.int64).view(_MOMENT)
        count = self._rows * math.prod(width)
        values = np.frombuffer(self._content, dtype=f"<{kind}", count=count, offset=self._place)
        self._place += 8 * count
        return values.reshape(self._rows, *width) if width else values


def _rows(columns: Mapping[str, Any], rows: Sequence[int]) -> list[dict[str, Any]]:
    if not columns:
        return [{} for _ in rows]
    cells = [_plain(values[list(rows)]) if isinstance(values, np.ndarray) else [values[one] for one in rows]
             for values in columns.values()]  # fmt: skip
    return [dict(zip(columns, row, strict=True)) for row in zip(*cells, strict=True)]


def _plain(values: np.ndarray) -> list[Any]:
    """An array's cells as JSON has them."""
    if values.dtype.kind == "M":
        missing = np.isnat(values)
        cells: list[Any] = np.datetime_as_string(values).tolist()
    else:
        missing = np.isnan(values)
        cells = values.tolist()
    if not missing.any():
        return cells
    return [None if gone else cell for cell, gone in zip(cells, missing.tolist(), strict=True)]
