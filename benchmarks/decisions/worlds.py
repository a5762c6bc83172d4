"""Held-out rows of a world whose truth is known, with what champion and challenger answer to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from benchmarks.decisions.questions import CHAMPION, Question
from benchmarks.decisions.shapes import CARRIED, OWN, SHARED, Shape
from benchmarks.decisions.truths import KINDS_OF_NOISE, cut_for
from pipelines.core.resampling import day_clusters
from pipelines.core.scorecard import Evidence

REGIONS = np.array(["north", "east", "south", "west", "islands"], dtype=object)
HURT_REGION = "islands"
_START = np.datetime64("2024-01-01", "us")


@dataclass(frozen=True)
class _Days:
    """Which day each row belongs to, and parts of the latent value that a day's rows share to some degree."""

    source: np.random.Generator
    day: np.ndarray | None
    count: int
    daily: float

    def part(self, variance: float, rows: int) -> np.ndarray:
        """A normal part of this variance; the days' share of it follows an autoregression of order 1."""
        return np.sqrt(variance) * self.mixed(self.source.standard_normal(rows))

    def mixed(self, alone: np.ndarray) -> np.ndarray:
        """Values of variance 1 by row, joined by a state of the day."""
        if self.day is None:
            return alone
        steps = self.source.standard_normal(self.count)
        state = np.empty(self.count)
        state[0] = steps[0]
        for one in range(1, self.count):
            state[one] = CARRIED * state[one - 1] + np.sqrt(1 - CARRIED**2) * steps[one]
        return np.sqrt(1 - self.daily) * alone + np.sqrt(self.daily) * state[self.day]


def evidence(shape: Shape, asked: Question, seed: int) -> Evidence:
    """What the scorecard is made from: one draw of the world."""
    source = np.random.default_rng([seed, shape.rows])
    rows = shape.rows
    day = None if shape.days is None else _days(source, rows, shape.days)
    days = _Days(source, day, shape.days or 0, shape.daily)
    parts = [days.part(SHARED / 3, rows) for _ in range(3)]
    shared = np.sum(parts, axis=0)
    theirs = shared + days.part(OWN, rows)
    added = max(OWN, asked.known - SHARED)
    ours = shared + days.part(added, rows)
    value = theirs + ours - shared + _unknown(days, shape, 1 - SHARED - OWN - added, rows)
    region = REGIONS[source.integers(0, len(REGIONS), rows)]
    known = np.full(rows, asked.known)
    if asked.hurt is not None:
        known[region == HURT_REGION] = asked.hurt
    ours = _told(ours, SHARED + added, known, days.part(1.0, rows))
    times = None if day is None else _START + (day * 86_400_000_000 + source.integers(0, 86_400, rows) * 10**6)
    champion, candidate = _answers(shape, theirs, np.full(rows, CHAMPION)), _answers(shape, ours, known)
    return Evidence(
        ids=np.char.zfill(np.arange(rows).astype(str), 6),
        y=value if shape.positive is None else (value > cut_for(shape.positive)).astype(np.float64),
        candidate=candidate,
        baseline=_baseline(shape, rows),
        champion=champion,
        clusters=None if times is None else day_clusters(times),
        slices={"region": region} if asked.declared else {},
        features=_features(source, region, parts),
    )


def _unknown(days: _Days, shape: Shape, variance: float, rows: int) -> np.ndarray:
    """What no model knows; in a regression a fifth of the rows is far harder than the others."""
    if shape.positive is not None:
        return days.part(variance, rows)
    shares, sizes = zip(*KINDS_OF_NOISE, strict=True)
    size = np.array(sizes)[days.source.choice(len(sizes), rows, p=shares)]
    return np.sqrt(variance) * days.mixed(size * days.source.standard_normal(rows))


def _told(signal: np.ndarray, held: float, known: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """The best guess of the latent value from a signal of variance `held`, blurred until it tells only `known`."""
    blur = np.sqrt(np.maximum(held**2 / known - held, 0.0))
    return known / held * (signal + blur * noise)


def _answers(shape: Shape, guess: np.ndarray, known: np.ndarray) -> np.ndarray:
    if shape.positive is None:
        return guess
    likely = ndtr((guess - cut_for(shape.positive)) / np.sqrt(1 - known))
    return np.column_stack([1 - likely, likely])


def _baseline(shape: Shape, rows: int) -> np.ndarray:
    if shape.positive is None:
        return np.zeros(rows)
    return np.tile([1 - shape.positive, shape.positive], (rows, 1))


def _days(source: np.random.Generator, rows: int, days: int) -> np.ndarray:
    """Each row's day, in order of time; days are not equally busy and the week shows."""
    busy = np.exp(source.normal(0, 0.3, days)) * np.where(np.arange(days) % 7 < 5, 1.0, 0.6)
    return np.sort(source.choice(days, rows, p=busy / busy.sum()))


def _features(source: np.random.Generator, region: np.ndarray, parts: list[np.ndarray]) -> pd.DataFrame:
    """What a problem's table would hold: the slice, another category, numbers, some of them missing."""
    rows = len(region)
    third = np.where(source.random(rows) < 0.05, np.nan, parts[2])
    kind = np.array(list("abcdefgh"), dtype=object)[source.integers(0, 8, rows)]
    return pd.DataFrame(
        {"region": region, "kind": kind, "first": parts[0], "second": parts[1], "third": third,
         "hour": source.integers(0, 24, rows)}
    )  # fmt: skip
