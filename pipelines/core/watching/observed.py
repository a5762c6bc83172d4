"""What a window showed, boiled down to sums per block of time: all that the tests over many windows go by."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from pipelines.core.observation import Answered
from pipelines.core.watching.expected_loss import Terms
from pipelines.core.watching.release_side import ReleaseSide
from pipelines.core.watching.view import View

_DAY = timedelta(days=1)
_MOST_BLOCKS = 31  # blocks of one window: days, or several days each where it is longer
_DIGITS = 9
_SINGLE = ("loss", "excess", "variance", "skew", "harm", "harm_variance", "harm_skew")
_SEVERAL = ("gap", "gap_variance", "gap_skew", "came")


@dataclass(frozen=True)
class Block:
    """Sums over the rows of one stretch of time that one release answered; all but the first three over labelled rows.

    The tuples have one number for each class watched; of values one, but `came` two: the sums of labels and squares.
    """

    start: datetime
    rows: int
    expected: float
    """Sum of the losses expected of all rows."""
    labels: int = 0
    loss: float = 0.0
    promised: float = 0.0
    """Sum of the losses expected of the labelled rows."""
    excess: float = 0.0
    variance: float = 0.0
    skew: float = 0.0
    harm: float = 0.0
    harm_variance: float = 0.0
    harm_skew: float = 0.0
    gap: tuple[float, ...] = ()
    gap_variance: tuple[float, ...] = ()
    gap_skew: tuple[float, ...] = ()
    came: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values."""
        return {**asdict(self), "start": self.start.isoformat()}


@dataclass(frozen=True)
class Observed:
    """The answers of one release in [start, end) of the log, by the labels known when it was looked at."""

    version: int
    start: datetime
    end: datetime
    rows: int
    """Answers of all releases, all of them counted."""
    mine: int
    """Of `rows` those of this release; where the view is a sample, by its share."""
    blocks: tuple[Block, ...] = ()
    """Those of the view's sample that this release answered, in order of time; none is empty."""

    @property
    def answered(self) -> int:
        """Rows of the sample with an answer."""
        return sum(one.rows for one in self.blocks)

    @property
    def labels(self) -> int:
        """Rows of the sample with an answer and a label."""
        return sum(one.labels for one in self.blocks)

    @property
    def coverage(self) -> float | None:
        """Share of the answers whose label is known; None without answers."""
        return self.labels / self.answered if self.answered else None

    @property
    def labelled(self) -> int:
        """Labelled rows of `mine`, by their share."""
        return round((self.coverage or 0.0) * self.mine)

    @property
    def expected(self) -> float | None:
        """The mean loss to be expected of the answers: the label-free estimate of the loss (CBPE, DLE)."""
        return sum(one.expected for one in self.blocks) / self.answered if self.answered else None

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values: a few hundred bytes."""
        told = {"version": self.version, "start": self.start.isoformat(), "end": self.end.isoformat()}
        return {**told, "rows": self.rows, "mine": self.mine, "blocks": [one.to_dict() for one in self.blocks]}


def observe(side: ReleaseSide, view: View, expected: np.ndarray | None = None) -> Observed:
    """What the view shows of the release.

    `expected`: `side.promise.expected(view.of(side.version))` where it was kept from an earlier look; the frame of the
    sample is then not looked at, so that it may be empty. Labels are those of the view.
    """
    rows = view.of(side.version)
    share = len(rows.scores) / len(view.sample.scores) if len(view.sample.scores) else 0.0
    mine = view.versions.get(side.version, round(share * view.rows))
    if expected is None:
        expected = side.promise.expected(rows)
    terms = side.promise.terms(rows.scores, rows.labels, expected)
    length = block_length(view.end - view.start)
    blocks = tuple(cut_blocks(rows, terms, length, view.start))
    return Observed(side.version, view.start, view.end, view.rows, mine, blocks)


def block_length(window: timedelta) -> timedelta:
    """The length of the blocks of time that windows are cut into, or that short windows are gathered in.

    Quarters of a day for windows shorter than a day, days for most, several days for those longer than a month.

    >>> block_length(timedelta(hours=1)), block_length(timedelta(days=90))
    (datetime.timedelta(seconds=21600), datetime.timedelta(days=3))
    """
    if window < _DAY:
        return _DAY / 4
    return _DAY * max(1, -(-window // (_DAY * _MOST_BLOCKS)))


def cut_blocks(rows: Answered, terms: Terms, length: timedelta, start: datetime) -> list[Block]:
    """Blocks of the rows with an answer, cut at multiples of `length` (UTC); rows without a moment lie at `start`."""
    answered = np.isfinite(terms.expected) | np.isfinite(terms.loss)
    if not answered.any():
        return []
    first = np.datetime64(start.astimezone(UTC).replace(tzinfo=None), "us")
    moments = np.where(np.isnat(rows.moments), first, rows.moments).astype("datetime64[us]")
    place = (moments.astype(np.int64) // (length // timedelta(microseconds=1)))[answered]
    names, where = np.unique(place, return_inverse=True)
    known = np.isfinite(terms.loss)[answered]

    def sums(values: np.ndarray, of: np.ndarray | None = None) -> np.ndarray:
        weights = np.where(known if of is None else of, np.nan_to_num(values[answered]), 0.0)
        return np.bincount(where, weights=weights, minlength=len(names))

    every = np.ones(len(where), dtype=bool)
    counts, labels = np.bincount(where, minlength=len(names)), np.bincount(where, weights=known, minlength=len(names))
    single = {"expected": sums(terms.expected, every), "promised": sums(terms.expected)}
    single |= {name: sums(getattr(terms, name)) for name in _SINGLE}
    several = {name: np.column_stack([sums(column) for column in getattr(terms, name).T]) for name in _SEVERAL}
    found = []
    for one, name in enumerate(names):
        values: dict[str, Any] = {field: _short(column[one]) for field, column in single.items()}
        values |= {field: tuple(_short(value) for value in table[one]) for field, table in several.items()}
        begun = datetime.fromtimestamp(int(name) * length.total_seconds(), UTC)
        found.append(Block(begun, int(counts[one]), labels=int(labels[one]), **values))
    return found


def _short(value: float) -> float:
    """Enough digits for every use, and a few hundred bytes fewer."""
    return float(f"{value:.{_DIGITS}g}")
