"""Columns of texts that know their distinct values: what is done with texts is done once for each of these."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Coded(list[Any]):
    """A column of texts, None where one is missing, as a list; `distinct[codes[row]]` is the text of a row.

    `distinct` has every text once or more, and may have some that no row has. Slices, copies and sums are plain lists.
    Nobody changes it.

    >>> column = Coded.of(["b", "a", None, "b"])
    >>> column, column.distinct, column.codes.tolist()
    (['b', 'a', None, 'b'], ['b', 'a', None], [0, 1, 2, 0])
    """

    __slots__ = ("codes", "distinct")

    def __init__(self, cells: Iterable[Any], distinct: list[Any], codes: NDArray[np.integer[Any]]) -> None:
        super().__init__(cells)
        self.distinct, self.codes = distinct, codes

    @classmethod
    def of(cls, cells: list[Any]) -> Coded:
        """A column of texts, each looked at once."""
        place = {cell: number for number, cell in enumerate(dict.fromkeys(cells))}
        codes = np.fromiter(map(place.__getitem__, cells), dtype=np.int64, count=len(cells))
        return cls(cells, list(place), codes)

    @classmethod
    def spread(cls, distinct: list[Any], codes: NDArray[np.integer[Any]]) -> Coded:
        """The column that has these texts at these places.

        >>> Coded.spread(["x", None], np.array([1, 0, 0]))
        [None, 'x', 'x']
        """
        table = np.empty(len(distinct), dtype=object)
        table[:] = distinct
        return cls(table[codes].tolist(), distinct, codes)

    def mapped(self, distinct: list[Any]) -> Coded:
        """The same rows with other texts: one for each of `distinct`."""
        return Coded.spread(distinct, self.codes)
