"""Entities: the distinct values of the columns that history features are grouped by, as codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipelines.core.kinds import category_text

_BETWEEN = "\x1f"  # the unit separator, which no ordinary value holds


def texts_of(values: Any) -> list[str]:
    """The text of each value as the contract writes it; a missing value is the empty text.

    >>> texts_of([12.0, None, "a", float("nan")])
    ['12', '', 'a', '']
    """
    return [category_text(value) or "" for value in values]


class Entities:
    """Every entity seen, each with a code from 0 on.

    >>> entities, codes = Entities.of(pd.DataFrame({"a": ["x", "y", "x"], "b": [1.0, 2.0, 1.0]}), ("a", "b"))
    >>> codes.tolist(), entities.find({"a": ["y", "y"], "b": [2.0, 7.0]}, 2).tolist()
    ([0, 1, 0], [1, -1])
    """

    def __init__(self, by: Sequence[str], names: list[str]) -> None:
        self.by = tuple(by)
        self._names = names
        self._codes = {name: code for code, name in enumerate(names)}

    def __len__(self) -> int:
        return len(self._names)

    @classmethod
    def of(cls, frame: pd.DataFrame, by: Sequence[str]) -> tuple[Entities, np.ndarray]:
        """The entities of a table, and the code of each row's (int64)."""
        if not by:
            return cls(by, [""]), np.zeros(len(frame), dtype=np.int64)
        codes, names = _distinct([frame[column].to_numpy() for column in by])
        return cls(by, names), codes

    def find(self, columns: Mapping[str, Any], rows: int) -> np.ndarray:
        """The code of each row's entity (int64), -1 for one never seen; `columns` holds arrays or lists by name."""
        if not self.by:
            return np.zeros(rows, dtype=np.int64)
        values = [columns[column] for column in self.by]
        if rows <= 64:
            texts = (texts_of(column) for column in values)
            found = [self._codes.get(_BETWEEN.join(row), -1) for row in zip(*texts, strict=True)]
            return np.array(found, dtype=np.int64)
        codes, names = _distinct([np.asarray(column) for column in values])
        return np.array([self._codes.get(name, -1) for name in names], dtype=np.int64)[codes]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The column names and the entities, each as one array of bytes."""
        return {"by": _packed(list(self.by)), "names": _packed(self._names)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Entities:
        """The entities that `to_arrays` came from."""
        return cls(_unpacked(arrays["by"]), _unpacked(arrays["names"]))


def _distinct(columns: list[np.ndarray]) -> tuple[np.ndarray, list[str]]:
    """The code of each row, and the text of each code; texts are made once for each distinct value."""
    texts: list[list[str]] = []
    parts: list[np.ndarray] = []
    for column in columns:
        raw, values = pd.factorize(column, use_na_sentinel=False)
        # Distinct values may have one text (12 and 12.0; missing and ""): code by text, not by value.
        code, names = pd.factorize(np.array(texts_of(values), dtype=object))
        parts.append(code[raw])
        texts.append(list(names))
    codes = parts[0]
    joined = texts[0]
    for part, names in zip(parts[1:], texts[1:], strict=True):
        codes, pairs = pd.factorize(codes * len(names) + part)
        joined = [joined[pair // len(names)] + _BETWEEN + names[pair % len(names)] for pair in pairs.tolist()]
    return codes.astype(np.int64), joined


def _packed(texts: list[str]) -> np.ndarray:
    """Texts as one array of bytes: how many, their lengths, then the UTF-8 itself."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    sizes = np.array([len(encoded), *map(len, encoded)], dtype="<i8")
    return np.frombuffer(sizes.tobytes() + b"".join(encoded), dtype=np.uint8)


def _unpacked(blob: np.ndarray) -> list[str]:
    raw = blob.tobytes()
    count = int(np.frombuffer(raw[:8], dtype="<i8")[0])
    sizes = np.frombuffer(raw[8 : 8 + 8 * count], dtype="<i8")
    ends = np.cumsum(sizes) + 8 + 8 * count
    pairs = zip((ends - sizes).tolist(), ends.tolist(), strict=True)
    return [raw[start:end].decode("utf-8", "surrogatepass") for start, end in pairs]
