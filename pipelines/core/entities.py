"""Entities: the distinct values of the columns that history features are grouped by, as codes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.core.coded import Coded
from pipelines.core.values import category_text

if TYPE_CHECKING:
    import pandas as pd

_ALIKE = {str, float, type(None)}  # of these, what is equal has one text
_FEW = 64  # values up to which coding them costs more than it saves
_MOST = 64  # combinations of texts, for each row, up to which a table of all of them is the quickest
_BETWEEN = "\x1f"  # the unit separator, which no ordinary value holds


def texts_of(values: Any) -> list[str]:
    """The text of each value (list or array) as the contract writes it; a missing value is the empty text.

    >>> texts_of([12.0, None, "a", float("nan")])
    ['12', '', 'a', '']
    """
    if isinstance(values, np.ndarray) and values.dtype.kind in "iufbM":
        distinct, codes = np.unique(values, return_inverse=True)  # each text is made once
        return Coded.spread([_text(value) for value in distinct], codes)
    if isinstance(values, np.ndarray) and len(values) > _FEW:
        values = values.tolist()
        if set(map(type, values)) <= _ALIKE:
            values = Coded.of(values)
    if isinstance(values, Coded):
        texts = [_text(value) for value in values.distinct]
        return values if texts == values.distinct else values.mapped(texts)
    if type(values) is list and set(map(type, values)) == {str}:
        return values
    return [_text(value) for value in values]


def _text(value: Any) -> str:
    return value if type(value) is str else category_text(value) or ""


class Entities:
    """Every entity seen, each with a code from 0 on.

    >>> entities, codes = Entities.of({"a": np.array(["x", "y", "x"]), "b": np.array([1.0, 2.0, 1.0])}, ("a", "b"))
    >>> codes.tolist(), entities.find({"a": ["y", "y"], "b": [2.0, 7.0]}, 2).tolist()
    ([0, 1, 0], [1, -1])
    """

    def __init__(self, by: Sequence[str], names: Iterable[str]) -> None:
        self.by = tuple(by)
        self._codes = {name: code for code, name in enumerate(names)}

    def __len__(self) -> int:
        return len(self._codes)

    @classmethod
    def of(cls, frame: Mapping[str, Any] | pd.DataFrame, by: Sequence[str]) -> tuple[Entities, np.ndarray]:
        """The entities of a table (by columns), and the code of each row's (int64)."""
        if not by:
            return cls(by, [""]), np.zeros(len(frame), dtype=np.int64)
        table: dict[str, int] = {}
        names = _joined([texts_of(np.asarray(frame[column])) for column in by])
        codes = [table.setdefault(name, len(table)) for name in names]
        return cls(by, table), np.array(codes, dtype=np.int64)

    def find(self, columns: Mapping[str, Any], rows: int) -> np.ndarray:
        """The code of each row's entity (int64), -1 for one never seen; `columns` holds arrays or lists by name."""
        return self.find_many({name: texts_of(columns[name]) for name in self.by}, rows)

    def find_many(self, texts: Mapping[str, list[str]], rows: int) -> np.ndarray:
        """The same from the texts of the columns; coded ones are looked up once for each combination."""
        coded = [one for name in self.by if isinstance(one := texts[name], Coded)]
        shape = tuple(len(one.distinct) for one in coded)
        if len(coded) < len(self.by) or not coded or max(shape) > rows // 2 or math.prod(shape) > _MOST * rows:
            return np.array(self.find_texts(texts, rows), dtype=np.int64)
        number = np.ravel_multi_index([one.codes for one in coded], shape)
        place = np.zeros(math.prod(shape), dtype=np.int64)
        place[number] = 1
        found = np.flatnonzero(place)
        parts = zip(coded, np.unravel_index(found, shape), strict=True)
        names = _joined([[one.distinct[code] for code in codes.tolist()] for one, codes in parts])
        get = self._codes.get
        place[found] = [get(name, -1) for name in names]
        return place[number]

    def find_texts(self, texts: Mapping[str, list[str]], rows: int) -> list[int]:
        """The same from the texts of the columns."""
        if not self.by:
            return [0] * rows
        get = self._codes.get
        return [get(name, -1) for name in _joined([texts[name] for name in self.by])]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The column names and the entities, each as one array of bytes."""
        return {"by": _packed(list(self.by)), "names": _packed(list(self._codes))}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Entities:
        """The entities that `to_arrays` came from."""
        return cls(list(_unpacked(arrays["by"])), _unpacked(arrays["names"]))


def _joined(columns: list[list[str]]) -> Iterable[str]:
    """Several columns as one whose texts are theirs, joined."""
    return columns[0] if len(columns) == 1 else map(_BETWEEN.join, zip(*columns, strict=True))


def _packed(texts: list[str]) -> np.ndarray:
    """Texts as one array of bytes: how many, their lengths, then the UTF-8 itself."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    sizes = np.array([len(encoded), *map(len, encoded)], dtype="<i8")
    return np.frombuffer(sizes.tobytes() + b"".join(encoded), dtype=np.uint8)


def _unpacked(blob: np.ndarray) -> Iterable[str]:
    raw = blob.tobytes()
    count = int(np.frombuffer(raw[:8], dtype="<i8")[0])
    start = 8 + 8 * count
    for size in np.frombuffer(raw[8:start], dtype="<i8").tolist():
        yield raw[start : start + size].decode("utf-8", "surrogatepass")
        start += size
