"""What the gate promises, and how often it kept it: one floor per promise and shape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.decisions.duels import Tally
from benchmarks.decisions.questions import Kind


@dataclass(frozen=True)
class Floor:
    """A share of duels that has to be at most, or at least, `wanted`; None: it is shown, nothing was promised."""

    promise: str
    tally: Tally
    counted: str
    wanted: float | None
    at_most: bool

    @property
    def found(self) -> float:
        """The share of the duels."""
        return self.tally.counts[self.counted] / self.tally.counts["duels"]

    @property
    def bound(self) -> float | None:
        """What no test can exceed that is wrong in 5 % where there is nothing to find; None: not asked."""
        return None if self.at_most else self.tally.seen.bound(ERROR)

    @property
    def met(self) -> bool | None:
        """None where nothing was promised."""
        if self.wanted is None:
            return None
        return self.found <= self.wanted if self.at_most else self.found >= self.wanted


ERROR = 0.05
"""Of duels with a challenger that is no better, as promised."""

_PROMISES: tuple[tuple[Kind, str, str, float, bool], ...] = (
    ("equal", "no better, promoted", "promote", 0.05, True),
    ("worse", "worse by twice the margin, promoted", "promote", 0.005, True),
    ("worse", "worse by twice the margin, promoted for a reason", "promote for a reason", 0.005, True),
    ("gain", "better by 0.02 of AUC everywhere, promoted", "promote", 0.80, False),
    ("hurt", "worse by 0.05 of AUC in a declared slice, caught", "blocked by a slice", 0.80, False),
    ("hidden", "worse by 0.05 of AUC in a slice nobody named, caught", "blocked by a slice", 0.80, False),
)
_ON_5000 = ("gain", "hurt", "hidden")


def floors(tallies: Iterable[Tally]) -> list[Floor]:
    """Every promise against every tally; what was promised of 5,000 labels is only shown elsewhere."""
    return [
        Floor(promise, tally, counted, wanted if _promised(kind, tally) else None, at_most)
        for kind, promise, counted, wanted, at_most in _PROMISES
        for tally in tallies
        if tally.question.kind == kind
    ]


def _promised(kind: Kind, tally: Tally) -> bool:
    return kind not in _ON_5000 or (tally.shape.rows == 5_000 and tally.shape.positive is not None)


@dataclass(frozen=True)
class Coverage:
    """How often the intervals of one metric held the truth, over the duels of one shape."""

    shape: str
    metric: str
    told: int
    hits: int
    untold: int

    @property
    def share(self) -> float:
        """Of the intervals that were told."""
        return self.hits / self.told

    @property
    def met(self) -> bool:
        """Between 93 % and 97 %."""
        return 0.93 <= self.share <= 0.97


def coverages(tallies: Iterable[Tally]) -> list[Coverage]:
    """Of every metric, from the duels with a challenger that is no better, and of every gain, from all duels."""
    sums: dict[tuple[str, str], Counter[str]] = {}
    for tally in tallies:
        for key, count in tally.counts.items():
            what, _, metric = key.partition(" ")
            of_the_gain = metric.startswith("gain in ")
            first = tally.question.kind == "equal" and tally.question.primary == tally.shape.primaries[0]
            if what in ("told", "hit", "none") and (of_the_gain or first):
                sums.setdefault((tally.shape.name, metric), Counter())[what] += count
    return [
        Coverage(shape, metric, counts["told"], counts["hit"], counts["none"])
        for (shape, metric), counts in sums.items()
        if counts["told"]
    ]
