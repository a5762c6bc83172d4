"""The proof that a compiled model answers as its pipeline does: on every held-out row, and on rows made to break it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipelines.core.compilation.compiled import Compiled
from pipelines.core.compilation.edge_rows import edge_rows
from pipelines.core.scoring import score

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from pipelines.core.schema import Contract

TOLERANCE = 1e-9
"""Of a probability; of a value in units of the largest value answered."""
_ALONE = 64  # held-out rows that are asked about one at a time
_BATCHES = (3, 16, 40)  # rows per request that are tried beside: each size has its own way through the kernel
_BATCHED = 640


class Differs(Exception):
    """The compiled model does not answer as the pipeline; the message says where."""


@dataclass(frozen=True)
class Proof:
    """How many rows were compared, the largest difference found, and what would have been allowed."""

    rows: int
    largest: float
    tolerance: float


def prove(compiled: Compiled, pipeline: Pipeline, contract: Contract, frame: pd.DataFrame) -> Proof:
    """Compare on `frame` (held-out rows, history joined) and on made rows, in batches of several sizes.

    Raises Differs on any difference beyond the tolerance, on a NaN where there is none, and on any failure.
    """
    names = [str(name) for name in pipeline.feature_names_in_]
    known = {column.name: column.kind for column in contract.features}
    kinds = {name: known.get(name, "numeric") for name in names}
    made = edge_rows(compiled, names, kinds, frame)
    whole = pd.concat([made, frame[names]], ignore_index=True).astype({n: made[n].dtype for n in names})
    expected = score(pipeline, contract.task, whole)
    columns = {name: _plain(whole[name], kinds[name]) for name in compiled.reads}
    tolerance = TOLERANCE * (max(float(np.abs(expected).max()), 1e-300) if expected.ndim == 1 else 1.0)
    largest = 0.0
    for start, stop, size in _requests(len(made), len(whole)):
        for first in range(start, stop, size):
            last = min(first + size, stop)
            found = _answer(compiled, columns, first, last)
            largest = max(largest, _difference(found, expected[first:last], first, len(made), tolerance))
    return Proof(len(whole), largest, tolerance)


def _requests(made: int, rows: int) -> list[tuple[int, int, int]]:
    """Which rows (from, to) go in batches of which size: all at once, and some of them in small ones."""
    alone = [(0, min(made + _ALONE, rows), 1)]
    return [(0, rows, max(rows, 1)), *alone, *((0, min(made + _BATCHED, rows), size) for size in _BATCHES)]


def _answer(compiled: Compiled, columns: Mapping[str, Any], first: int, last: int) -> np.ndarray:
    part = {name: values[first:last] for name, values in columns.items()}
    try:
        return compiled.score(part, last - first)
    except Exception as error:  # whatever it is, it is the finding: this model must not serve
        raise Differs(f"the compiled model fails on rows {first} to {last}: {type(error).__name__}: {error}") from error


def _difference(found: np.ndarray, expected: np.ndarray, first: int, made: int, tolerance: float) -> float:
    if found.shape != expected.shape or found.dtype != np.float64:
        raise Differs(f"the compiled model answers in the shape {found.shape}, not {expected.shape}")
    off = np.where(np.isnan(found) & np.isnan(expected), 0.0, np.abs(found - expected))
    largest = float(off.max()) if off.size else 0.0
    if not largest <= tolerance:
        row = first + int(np.argwhere(~(off <= tolerance))[0][0])
        kind = f"made row {row}" if row < made else f"held-out row {row - made}"
        raise Differs(f"the compiled model is off by {largest:.3g} on {kind}, where {tolerance:.3g} is allowed")
    return largest


def _plain(values: pd.Series, kind: str) -> Any:
    """A column as a request brings it: lists of floats and texts; arrays of moments."""
    if kind == "datetime":
        return values.to_numpy().astype("M8[us]")
    return values.tolist()
