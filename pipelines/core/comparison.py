"""One column of a window beside the same of the reference: made comparable, measured, its noise known.

Two samples of one population never have distance zero, and the fewer the rows, the larger the distance that
chance alone makes. A threshold on the distance by itself therefore cries wolf in every small window; so each
pair also carries the distance that chance explains, and only what exceeds both counts as drift.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.spatial.distance import jensenshannon

from pipelines.core.chance import Chance, categorical_chance, numeric_chance
from pipelines.core.drift import ColumnScore

PairKind = Literal["numeric", "categorical"]
METHODS: dict[PairKind, str] = {"numeric": "wasserstein", "categorical": "jensenshannon"}
KEPT_CATEGORIES = 30
OTHER = "(other)"
FALSE_ALARM_RATE = 0.01  # of one window over all its columns together, where nobody says otherwise
_SMALLEST_SCALE, _LARGEST_SCALE = 1e-3, 1e100  # outside, Evidently's norm is cut off or overflows


@dataclass(frozen=True)
class Sample:
    """One column's values, made ready for being compared often; without missing and infinite ones.

    `values`: (n,) float64 in the rows' order (numeric), or positions in `names` (categorical).
    """

    kind: PairKind
    values: np.ndarray
    names: np.ndarray
    """Distinct texts, sorted (categorical)."""
    present: np.ndarray
    """(rows,) whether a row has a value."""

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def ordered(self) -> np.ndarray:
        """The values sorted: sums in one order, whatever the rows' order."""
        return np.sort(self.values)

    @cached_property
    def counts(self) -> np.ndarray:
        """How often each of `names` occurs."""
        return np.bincount(self.values, minlength=len(self.names))

    def whole(self) -> np.ndarray:
        """(rows,) the values with NaN or None where there is none."""
        nothing = np.nan if self.kind == "numeric" else None
        found = np.full(len(self.present), nothing, dtype=np.float64 if self.kind == "numeric" else object)
        found[self.present] = self.values if self.kind == "numeric" else self.names[self.values]
        return found

    def rows(self, chosen: np.ndarray) -> Sample:
        """The sample of the rows that a mask chooses."""
        return Sample(self.kind, self.values[chosen[self.present]], self.names, self.present[chosen])


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
    """The distance that sampling alone explains, false alarms held at the rate asked for over all columns."""
    note: str | None = None
    measured: float | None = None
    """The distance, where it was measured before."""
    chance: Chance | None = None
    """The distance's null distribution."""

    @property
    def bar(self) -> float:
        """The distance from which on the column counts as drifted."""
        return max(self.threshold, self.noise)


def make_sample(kind: PairKind, values: Any) -> Sample:
    """A column's values without the missing and infinite ones (quality judges them); never raises.

    >>> sample = make_sample("categorical", ["b", None, "a", "b"])
    >>> sample.values.tolist(), sample.names.tolist(), sample.present.tolist()
    ([1, 0, 1], ['a', 'b'], [True, False, True, True])
    """
    if kind == "numeric":
        numbers = as_numbers(values)
        present = np.isfinite(numbers)
        return Sample(kind, numbers[present], np.empty(0, dtype=object), present)
    codes, found = pd.factorize(np.asarray(pd.Series(values, dtype=object)))
    names, positions = np.unique(np.array([str(one) for one in found], dtype=object), return_inverse=True)
    present = codes >= 0
    kept = positions[codes[present]] if len(found) else np.empty(0, dtype=np.intp)
    return Sample(kind, kept, names, present)


def compare_samples(name: str, before: Sample, now: Sample, threshold: float) -> Pair:
    """The two samples side by side, measured, with the null distribution of the distance; `noise` is left at 0."""
    kind = before.kind
    empty = [where for where, values in (("reference", before), ("window", now)) if not len(values)]
    if empty:
        note = f"the {' and the '.join(empty)} has no value"
        return Pair(name, kind, threshold, _texts(before), _texts(now), note=note)
    if kind == "numeric":
        return _numeric_pair(name, before, now, threshold)
    return _categorical_pair(name, before, now, threshold)


def make_pair(
    name: str,
    kind: PairKind,
    reference: Sequence[Any],
    current: Sequence[Any],
    threshold: float,
    columns: int = 1,
) -> Pair:
    """The two samples side by side; missing and infinite values are left out (quality judges them).

    `columns` is how many columns are judged together (Bonferroni). Never raises: a column without values gets a note.

    >>> pair = make_pair("age", "numeric", [1.0, 2.0, 3.0, None], [1.0, 2.0, float("inf")], 0.1)
    >>> pair.reference.size, pair.current.size, pair.note
    (3, 2, None)
    >>> make_pair("age", "numeric", [1.0], [None], 0.1).note
    'the window has no value'
    """
    pair = compare_samples(name, make_sample(kind, reference), make_sample(kind, current), threshold)
    return with_noise(pair, FALSE_ALARM_RATE / max(columns, 1))


def with_noise(pair: Pair, rate: float, least: float = 0.0) -> Pair:
    """The pair with the distance that chance exceeds at this rate, or `least` where that is more."""
    return pair if pair.chance is None else replace(pair, noise=max(pair.chance.noise(rate), least))


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
    return None if pair.note is not None else pair.measured


Measure = Callable[[Sequence[Pair]], Mapping[str, ColumnScore]]
"""How far each column drifted, by its name: Evidently's values where an operator looks, `measure_pairs` elsewhere."""


def measure_pairs(pairs: Sequence[Pair]) -> dict[str, ColumnScore]:
    """How far each column drifted, by its name: the formulas that Evidently has, without Evidently.

    >>> measure_pairs([make_pair("x", "numeric", [0, 0, 2, 2], [1, 1, 3, 3], 0.1)])["x"].score
    1.0
    """
    return {
        one.name: ColumnScore(one.name, METHODS[one.kind], distance(one), one.threshold, one.noise, one.note)
        for one in pairs
    }


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


def as_numbers(values: Any) -> np.ndarray:
    """Float64; what is no number is NaN here, as quality counts it already.

    >>> as_numbers(["1.5", "x", None]).tolist()
    [1.5, nan, nan]
    """
    if getattr(values, "dtype", None) == np.float64:
        return np.asarray(values)
    found = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce")
    return found.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)


def _texts(sample: Sample) -> np.ndarray:
    return sample.values if sample.kind == "numeric" else sample.names[sample.values]


def _numeric_pair(name: str, before: Sample, now: Sample, threshold: float) -> Pair:
    scale = _scale(before.ordered, now.ordered)
    if scale != 1.0:
        before, now = (replace(one, values=one.values / scale) for one in (before, now))
    spread = max(float(np.std(before.ordered)), _SMALLEST_SCALE)
    score = wasserstein(before.ordered, now.ordered) / spread
    chance = numeric_chance(before.ordered, len(before), len(now))
    return Pair(name, "numeric", threshold, before.values, now.values, measured=score, chance=chance)


def wasserstein(before: np.ndarray, now: np.ndarray) -> float:
    """The first Wasserstein distance of two sorted samples: the area between their distribution functions.

    >>> wasserstein(np.array([0.0, 1.0]), np.array([2.0, 3.0]))
    2.0
    """
    places = np.concatenate([before, now])
    places.sort(kind="stable")  # two sorted runs: a merge
    gaps = np.diff(places)
    shares = [np.searchsorted(one, places[:-1], side="right") / len(one) for one in (before, now)]
    return float(np.sum(np.abs(shares[0] - shares[1]) * gaps))


def _scale(before: np.ndarray, now: np.ndarray) -> float:
    """What both are divided by when the column's scale is beyond what the norm can express."""
    largest = float(max(-before[0], before[-1], -now[0], now[-1]))
    if largest > _LARGEST_SCALE:
        spread = float(np.std(before / largest))
        return largest * spread if 0 < spread < _SMALLEST_SCALE else largest
    spread = float(np.std(before))
    return spread if 0 < spread < _SMALLEST_SCALE else 1.0


def _categorical_pair(name: str, before: Sample, now: Sample, threshold: float) -> Pair:
    """Only the most frequent categories kept apart: thousands of rare ones are nothing but noise.

    Frequent in both samples together: chosen by the reference alone, they would be those that chance favoured
    there, and seem to have become rarer since.
    """
    names = np.union1d(before.names, now.names)
    codes = [np.searchsorted(names, one.names)[one.values] for one in (before, now)]
    counts = [np.bincount(one, minlength=len(names)) for one in codes]
    total = counts[0] + counts[1]
    if np.count_nonzero(total) > KEPT_CATEGORIES:
        kept = np.lexsort((names, -total))[:KEPT_CATEGORIES]
        shown, place = np.append(names[kept], OTHER), np.full(len(names), KEPT_CATEGORIES)
        place[kept] = np.arange(KEPT_CATEGORIES)
        names, codes = shown, [place[one] for one in codes]
        counts = [np.bincount(one, minlength=len(names)) for one in codes]
    with np.errstate(invalid="ignore"):  # NaN: a rounding error below the root
        score = float(np.nan_to_num(jensenshannon(counts[0] / len(before), counts[1] / len(now))))
    chance = categorical_chance(int(np.count_nonzero(counts[0] + counts[1])), len(before), len(now))
    texts = [names[one] for one in codes]
    return Pair(name, "categorical", threshold, texts[0], texts[1], measured=score, chance=chance)
