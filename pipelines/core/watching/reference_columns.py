"""The reference's columns, made ready once for all windows of a release."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from pipelines.core.comparison import Pair, PairKind, Sample, compare_samples, make_sample
from pipelines.core.observation import (
    PREDICTION,
    answer_values,
    column_quality,
    column_values,
    pair_kind,
    sampled,
    watched_columns,
)
from pipelines.core.watching.column_harm import LossProfile, loss_profile
from pipelines.core.watching.release_side import ReleaseSide
from pipelines.core.watching.seasons import Season, blocks_of_time, same_season, whole_reference

T = TypeVar("T")
_LEAST_VALUES = 30  # of a stretch that says how far stretches wander
_LEAST_STRETCHES = 4
_FAR = 3.0  # standard deviations that stretches may be away
_PARTS = 6  # of a reference that is too short for stretches as long as the window
_POOL = 8  # times as many rows as are compared at once: hours of a week need them
_MOST_KEPT = 20_000  # answers about seasons held at once
_UNUSED = 0.1  # of an even share of the usage: below, the model hardly looks at a column


def reference_columns(side: ReleaseSide, size: int) -> ReferenceColumns:
    """The columns of a release's reference, on at most `size` rows; the same object for the same arguments."""
    name = f"columns on {size} rows"
    if name not in side.kept:
        side.kept[name] = ReferenceColumns(side, size)
    found: ReferenceColumns = side.kept[name]
    return found


class ReferenceColumns:
    """Samples, loss profiles and wandering of every column that is watched, each worked out when asked for."""

    def __init__(self, side: ReleaseSide, size: int) -> None:
        self.contract, self.history, self.rows = side.contract, side.history, len(side.reference)
        self.columns = {one.name: one for one in watched_columns(side.contract, side.history)}
        self.quality = {
            one.name: one for one in column_quality(side.contract, side.history, side.reference, side.reference)
        }
        chosen = sampled(side.reference, _POOL * size)
        held = side.reference.rows(chosen)
        self._size, self._turn = size, np.random.default_rng(0).permutation(len(held))
        self.moments = held.moments.astype("datetime64[us]")
        self._samples = {
            name: make_sample(pair_kind(column), column_values(column, side.contract, held))
            for name, column in self.columns.items()
        }
        self._samples[PREDICTION] = make_sample(self.answers_kind, answer_values(side.contract, held.scores))
        self._usage, self._losses = dict(side.usage), _losses(side, chosen)
        self._blocks = blocks_of_time(self.moments)
        self._labels = side.reference.labels[np.isfinite(side.reference.labels)]
        self._last: tuple[tuple[datetime, datetime], Season] | None = None
        self._bases: dict[tuple[float, ...], Season] = {}
        self._profiles: dict[str, LossProfile] = {}
        self._kept: dict[tuple[str, str, tuple[float, ...]], Any] = {}

    @property
    def answers_kind(self) -> PairKind:
        """How the answers are compared."""
        return "categorical" if self.contract.task == "multiclass" else "numeric"

    def usage(self, name: str) -> float | None:
        """Share of what the model goes by; None where nobody found out."""
        return self._usage.get(name, 0.0) if self._usage else None

    def used(self, name: str) -> bool:
        """Whether the model goes by the column; taken to be so where nobody found out."""
        share = self.usage(name)
        return share is None or share >= _UNUSED / max(len(self.columns), 1)

    @cached_property
    def loss(self) -> float:
        """The mean loss of the reference rows; NaN where not known."""
        known = self._losses[np.isfinite(self._losses)]
        return float(known.mean()) if known.size else np.nan

    def blind_loss(self, name: str) -> float:
        """What a row is expected to lose when the column says nothing: its usage's share of what the model knows."""
        share = self.usage(name)
        share = 1 / max(len(self.columns), 1) if share is None else share
        if not self._labels.size:
            return self.loss
        if self.contract.task == "regression":
            idle = float(np.var(self._labels))
        else:
            shares = np.unique(self._labels, return_counts=True)[1] / len(self._labels)
            idle = float(-(shares * np.log(shares)).sum())
        return self.loss + share * max(idle - self.loss, 0.0)

    def in_units(self, harm: float) -> tuple[float, float]:
        """A rise of the mean loss in the scorecard's units (regression: of the root), and as a share of the loss."""
        loss = self.loss
        if self.contract.task == "regression":
            loss = float(np.sqrt(self.loss))
            harm = float(np.sqrt(max(self.loss + harm, 0.0))) - loss
        return harm, harm / loss if loss > 0 else 0.0

    def profile(self, name: str) -> LossProfile | None:
        """The loss by the column's bins; None where no loss is known."""
        if not np.isfinite(self.loss):
            return None
        if name not in self._profiles:
            column = self.columns[name]
            span = (column.low, column.high) if column.kind == "numeric" else (None, None)
            blind = self.blind_loss(name)
            sample = self._samples[name]
            self._profiles[name] = loss_profile(sample, self._losses, self._blocks, blind, span, column.seen)
        return self._profiles[name]

    def season(self, start: datetime, end: datetime) -> Season:
        """The rows that the window [start, end) is fairly compared with; the last answer is kept, to be asked again."""
        last = self._last
        if last is None or last[0] != (start, end):
            last = self._last = (start, end), same_season(self.moments, start, end)
        return last[1]

    def sample(self, name: str, season: Season) -> Sample:
        """The column's values in the season, of at most as many rows as are compared at once."""
        return self._once("sample", name, season, lambda: self._samples[name].rows(self._thinned(season.chosen)))

    def bins(self, name: str, profile: LossProfile, season: Season) -> np.ndarray:
        """The rows of the season by the bins of the column's loss profile."""
        return self._once("bins", name, season, lambda: profile.counts(self.sample(name, season)))

    def wander(self, name: str, season: Season) -> float:
        """How far one of the season's stretches may be from the others, beyond chance; 0 for few stretches.

        The furthest one, or three standard deviations above their mean. A window that is no further away than a
        stretch of the reference itself might be is nothing new.
        """
        basis = self._basis(season)
        return self._once("wander", name, basis, lambda: self._wander(name, basis))

    def knows_custom(self, season: Season) -> bool:
        """Whether the reference can say how far its stretches wander; rows without a time do not wander."""
        return self.contract.time is None or len(self._basis(season).stretches()) >= _LEAST_STRETCHES

    def stuck(self, name: str, season: Season) -> bool | None:
        """Whether the column had one value only in one of the season's stretches; None for few stretches."""
        basis = self._basis(season)
        return self._once("stuck", name, basis, lambda: self._stuck(name, basis))

    def missing(self, name: str, season: Season) -> float:
        """The largest share of missing values in one of the season's stretches; 0 for few."""
        basis = self._basis(season)
        return self._once("missing", name, basis, lambda: self._missing(name, basis))

    def _thinned(self, chosen: np.ndarray) -> np.ndarray:
        places = np.flatnonzero(chosen)
        kept = places[np.argsort(self._turn[places])[: self._size]]
        thinned = np.zeros(len(chosen), dtype=bool)
        thinned[kept] = True
        return thinned

    def spreads(self, name: str, season: Season) -> tuple[float, float] | None:
        """The least and the largest interquartile range in one of the season's stretches; None for few stretches."""
        basis = self._basis(season)
        return self._once("spreads", name, basis, lambda: self._spreads(name, basis))

    def _basis(self, season: Season) -> Season:
        """The season, or all rows where it holds too few stretches to say how they differ; shorter ones if need be."""
        if season.key not in self._bases:
            found = season
            if len(found.stretches()) < _LEAST_STRETCHES:
                found = whole_reference(self.moments, season.length)
            known = self.moments[~np.isnat(self.moments)]
            if len(found.stretches()) < _LEAST_STRETCHES and known.size:
                span = float((known.max() - known.min()) / np.timedelta64(1, "D"))
                found = whole_reference(self.moments, min(season.length, span / _PARTS))
            self._bases[season.key] = found
        return self._bases[season.key]

    def _stretches(self, name: str, season: Season) -> list[Sample]:
        return [self._samples[name].rows(one) for one in season.stretches() if one.sum() >= _LEAST_VALUES]

    def _wander(self, name: str, season: Season) -> float:
        whole = self._samples[name].rows(season.chosen)
        found = [one for one in self._stretches(name, season) if _LEAST_VALUES <= len(one) < len(whole)]
        if len(found) < _LEAST_STRETCHES:
            return 0.0
        rate = 0.5 / len(found)  # what chance makes of the largest of so many
        away = [
            _beyond_chance(compare_samples(name, whole, one, 1.0), rate) / (1 - len(one) / len(whole))
            for one in found  # of the others: the whole holds the stretch
        ]
        return max(max(away), float(np.mean(away) + _FAR * np.std(away)))

    def _stuck(self, name: str, season: Season) -> bool | None:
        found = [one for one in self._stretches(name, season) if len(one) >= _LEAST_VALUES]
        if len(found) < _LEAST_STRETCHES:
            return None
        return any(one.values.min() == one.values.max() for one in found)

    def _spreads(self, name: str, season: Season) -> tuple[float, float] | None:
        found = [spread(one.values) for one in self._stretches(name, season) if len(one) >= _LEAST_VALUES]
        return (min(found), max(found)) if len(found) >= _LEAST_STRETCHES else None

    def _missing(self, name: str, season: Season) -> float:
        found = [1 - len(one) / len(one.present) for one in self._stretches(name, season)]
        return max(found) if len(found) >= _LEAST_STRETCHES else 0.0

    def _once(self, what: str, name: str, season: Season, make: Callable[[], T]) -> T:
        key = (what, name, season.key)
        if key not in self._kept:
            if len(self._kept) > _MOST_KEPT:  # windows at moments that never come again
                self._kept.clear()
            self._kept[key] = make()
        found: T = self._kept[key]
        return found


def spread(values: np.ndarray) -> float:
    """The interquartile range."""
    low, high = np.quantile(values, [0.25, 0.75])
    return float(high - low)


def _losses(side: ReleaseSide, chosen: np.ndarray) -> np.ndarray:
    """(rows,) the loss of each chosen row, or the one expected where it has no label; NaN where neither is known."""
    if not len(side.reference):
        return np.empty(0)
    expected = side.promise.expected(side.reference)
    found = side.promise.terms(side.reference.scores, side.reference.labels, expected).loss
    losses: np.ndarray = np.where(np.isfinite(found), found, expected)[chosen]
    return losses


def _beyond_chance(pair: Pair, rate: float) -> float:
    chance = 0.0 if pair.chance is None else pair.chance.noise(rate)
    return float(np.sqrt(max((pair.measured or 0.0) ** 2 - chance**2, 0.0)))
