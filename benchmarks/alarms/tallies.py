"""Watches summed up: per stream, per kind of stream, per rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.alarms.episodes import Score
from benchmarks.alarms.streams import STREAMS
from benchmarks.alarms.watches import Watch

_YEAR = 365.25


@dataclass(frozen=True)
class Tally:
    """The scores of one rule over many seeds of one or several streams."""

    scores: Sequence[Score]

    @property
    def years(self) -> float:
        """Of days that were near no real loss."""
        return sum(one.calm_days for one in self.scores) / _YEAR

    @property
    def false(self) -> int:
        """False episodes."""
        return sum(one.false for one in self.scores)

    @property
    def false_a_year(self) -> float:
        """False episodes in a year of days that were near no real loss.

        >>> Tally([Score(2, 1, 731, 9, False, None, None)]).false_a_year
        0.4996580027359781
        """
        return self.false / self.years if self.years else float("nan")

    @property
    def alarmed(self) -> float:
        """Share of the calm days spent in alarm."""
        calm = sum(one.calm_days for one in self.scores)
        return sum(one.alarmed_calm_days for one in self.scores) / calm if calm else float("nan")

    @property
    def right(self) -> float | None:
        """Share of the episodes that were about a real loss; None without any."""
        episodes = sum(one.episodes for one in self.scores)
        return 1 - self.false / episodes if episodes else None

    @property
    def breaks(self) -> int:
        """Breaks that could be found."""
        return sum(one.broke for one in self.scores)

    @property
    def found(self) -> float | None:
        """Share of the breaks that were found."""
        return sum(one.delay is not None for one in self.scores) / self.breaks if self.breaks else None

    def days(self, share: float = 0.5) -> float | None:
        """Days within which this share of all breaks was found; None: fewer were."""
        return self._quantile([one.delay for one in self.scores if one.broke], share)

    def labels(self, share: float = 0.5) -> float | None:
        """Labelled rows since the break within which this share of all breaks was found."""
        return self._quantile([one.labels for one in self.scores if one.broke], share)

    def _quantile(self, found: Iterable[int | None], share: float) -> float | None:
        """What was never found lies at infinity."""
        values = np.array([np.inf if one is None else one for one in found])
        if not len(values):
            return None
        value = float(np.quantile(values, share, method="higher"))
        return value if np.isfinite(value) else None


def tally(
    watches: Iterable[Watch], rule: str, length: int = 1, stream: str | None = None, harm: bool | None = None
) -> Tally:
    """The scores of one rule in windows of `length` days: of one stream, of those with or without harm, or of all."""
    return Tally(
        [
            one.scores[rule]
            for one in watches
            if one.length == length
            and rule in one.scores
            and stream in (None, one.stream)
            and harm in (None, STREAMS[one.stream].harm)
        ]
    )


def blamed(watches: Iterable[Watch], what: str, length: int = 1) -> dict[str, Counter[str]]:
    """By stream, which kinds of ours were in alarm when a break was `found` or a `false` episode began.

    >>> blamed([Watch("quiet", 0, 1, True, {}, {"false": Counter(data=1)})], "false")
    {'quiet': Counter({'data': 1})}
    """
    found: dict[str, Counter[str]] = {}
    for one in watches:
        if one.length == length and one.blamed.get(what):
            found.setdefault(one.stream, Counter()).update(one.blamed[what])
    return found
