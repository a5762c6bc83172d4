"""One column of a window beside the same of the reference: made comparable, measured, its noise known.

Two samples of one population never have distance zero, and the fewer the rows, the larger the distance that
chance alone makes. A threshold on the distance by itself therefore cries wolf in every small window; so each
pair also carries the distance that chance explains, and only what exceeds both counts as drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats
from scipy.spatial.distance import jensenshannon

PairKind = Literal["numeric", "categorical"]
METHODS: dict[PairKind, str] = {"numeric": "wasserstein", "categorical": "jensenshannon"}
KEPT_CATEGORIES = 30
OTHER = "(other)"
FALSE_ALARM_RATE = 0.01  # of one window over all its columns together
_SMALLEST_SCALE, _LARGEST_SCALE = 1e-3, 1e100  # outside, Evidently's norm is cut off or overflows


@dataclass(frozen=True)
class Pair:
    """A column that can be compared (`note` is None), or why it cannot.

    `reference` and `current` are float64 without NaN (numeric) or text (categorical, rare ones pooled).
    """

    name: str
    kind: PairKind
    threshold: float
    reference: np.ndarray
    current: np.ndarray
    noise: float = 0.0
    """The distance that sampling alone explains, false alarms held at FALSE_ALARM_RATE over all columns."""
    note: str | None = None

    @property
    def bar(self) -> float:
        """The distance from which on the column counts as drifted."""
        return max(self.threshold, self.noise)


def make_pair(
    name: str,
    kind: PairKind,
    reference: Sequence[Any],
    current: Sequence[Any],
    threshold: float,
    columns: int = 1,
) -> Pair:
    """The two samples side by side; missing and infinite values are left out (quality judges them).

    `columns` is how many columns are judged together. Never raises: a column without values gets a note.

    >>> pair = make_pair("age", "numeric", [1.0, 2.0, 3.0, None], [1.0, 2.0, float("inf")], 0.1)
    >>> pair.reference.size, pair.current.size, pair.note
    (3, 2, None)
    >>> make_pair("age", "numeric", [1.0], [None], 0.1).note
    'the window has no value'
    """
    clean = _numbers if kind == "numeric" else _texts
    before, now = clean(reference), clean(current)
    empty = [where for where, values in (("reference", before), ("window", now)) if not values.size]
    if empty:
        return Pair(name, kind, threshold, before, now, note=f"the {' and the '.join(empty)} has no value")
    if kind == "numeric":
        before, now = _scaled(before, now)
    else:
        before, now = _pooled(before, now)
    return Pair(name, kind, threshold, before, now, _noise(kind, before, now, max(columns, 1)))


def distance(pair: Pair) -> float | None:
    """How far apart the two samples are, 0 for equal ones; None when there is nothing to compare.

    Numeric: first Wasserstein distance in standard deviations of the reference. Categorical: Jensen-Shannon
    distance (natural logarithm, 0 to 0.83; Lin 1991). The very formulas that Evidently names `wasserstein`
    and `jensenshannon`.

    >>> distance(make_pair("x", "numeric", [0, 0, 2, 2], [1, 1, 3, 3], 0.1))
    1.0
    >>> distance(make_pair("x", "categorical", ["a", "b"], ["b", "a"], 0.1))
    0.0
    """
    if pair.note is not None:
        return None
    if pair.kind == "numeric":
        before, now = (
            np.sort(pair.reference),
            np.sort(pair.current),
        )  # sums in one order, whatever the rows' order
        return float(stats.wasserstein_distance(before, now)) / max(float(np.std(before)), _SMALLEST_SCALE)
    before, now = _shares(pair.reference, pair.current)
    return float(np.nan_to_num(jensenshannon(before, now)))  # NaN: a rounding error below the root


def sample_rows(frame: pd.DataFrame, size: int, seed: int = 0) -> pd.DataFrame:
    """At most `size` rows, chosen by a seeded hash of their content: the order of the rows does not matter.

    Equal rows are told apart by counting them, so that a frequent row is neither always in nor always out.

    >>> frame = pd.DataFrame({"x": range(100)})
    >>> chosen, shuffled = sample_rows(frame, 10), sample_rows(frame.sample(frac=1, random_state=1), 10)
    >>> sorted(chosen["x"]) == sorted(shuffled["x"]), len(chosen)
    (True, 10)
    """
    if len(frame) <= size:
        return frame
    texts = frame.astype(dict.fromkeys(frame.select_dtypes(include="object").columns, "str"))
    content = pd.util.hash_pandas_object(texts, index=False).to_numpy()
    occurrence = pd.Series(content).groupby(content).cumcount().to_numpy().astype(np.uint64)
    mixed = pd.util.hash_pandas_object(
        pd.DataFrame({"content": content, "occurrence": occurrence, "seed": np.uint64(seed)}), index=False
    ).to_numpy()
    chosen = np.argpartition(mixed, size)[:size]
    return frame.iloc[np.sort(chosen)]


def _numbers(values: Sequence[Any]) -> np.ndarray:
    """Finite float64; what is no number counts as missing here, as quality counts it already."""
    found = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce")
    numbers = found.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers[np.isfinite(numbers)]


def _texts(values: Sequence[Any]) -> np.ndarray:
    found = pd.Series(values, dtype=object)
    return found[found.notna()].astype(str).to_numpy(dtype=object)


def _scaled(before: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both divided by one number when the column's scale is beyond what the norm can express."""
    largest = max(float(np.abs(before).max()), float(np.abs(now).max()))
    if largest > _LARGEST_SCALE:
        before, now = before / largest, now / largest
    spread = float(np.std(np.sort(before)))
    if 0 < spread < _SMALLEST_SCALE:
        return before / spread, now / spread
    return before, now


def _pooled(before: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Only the most frequent categories kept apart: thousands of rare ones are nothing but noise.

    Frequent in both samples together: chosen by the reference alone, they would be those that chance favoured
    there, and seem to have become rarer since.
    """
    names, counts = np.unique(np.concatenate([before, now]), return_counts=True)
    if len(names) <= KEPT_CATEGORIES:
        return before, now
    kept = set(names[np.lexsort((names, -counts))][:KEPT_CATEGORIES])
    return (
        np.array([value if value in kept else OTHER for value in before], dtype=object),
        np.array([value if value in kept else OTHER for value in now], dtype=object),
    )


def _noise(kind: PairKind, before: np.ndarray, now: np.ndarray, columns: int) -> float:
    """The distance that two samples of these sizes, drawn from the reference, exceed by chance once in 100.

    The rate is shared among the columns (Bonferroni). Numeric: the mean of the distance under the null,
    sqrt(2/pi) s J with s² = 1/n + 1/m and J the integral of sqrt(F(1-F)) (del Barrio, Giné & Matrán 1999),
    plus a Gaussian deviation: moving one value moves the distance by at most its share, so that its standard
    deviation is at most s. Categorical: chi-squared with the bound
    JSD <= ln 2 / 2 * triangular discrimination (Topsøe 2000).
    """
    share = 1 / len(before) + 1 / len(now)
    rate = FALSE_ALARM_RATE / columns
    if kind == "categorical":
        categories = len(np.unique(np.concatenate([before, now])))
        return float(np.sqrt(np.log(2) / 4 * share * stats.chi2.isf(rate, max(categories - 1, 1))))
    before = np.sort(before)
    spread = max(float(np.std(before)), _SMALLEST_SCALE)
    below = np.arange(1, len(before)) / len(before)
    integral = float(np.sum(np.sqrt(below * (1 - below)) * np.diff(before))) / spread
    return float(np.sqrt(share) * (np.sqrt(2 / np.pi) * integral + stats.norm.isf(rate) * bool(integral)))


def _shares(before: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    names = np.unique(np.concatenate([before, now]))
    counts = [np.bincount(np.searchsorted(names, values), minlength=len(names)) for values in (before, now)]
    return counts[0] / len(before), counts[1] / len(now)
