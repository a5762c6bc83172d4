"""What the alarms promise, and whether they kept it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.alarms.streams import QUIET
from benchmarks.alarms.tallies import tally
from benchmarks.alarms.watches import LENGTHS, OURS, Watch

MOST_A_YEAR = 1.0
"""False alarms in a year of windows, on any stream that does no harm."""
_NAMES = {1: "daily", 7: "weekly"}


@dataclass(frozen=True)
class Floor:
    """A promise, what was wanted and what was found."""

    promise: str
    stream: str
    wanted: float
    found: float

    @property
    def met(self) -> bool:
        """At most what was wanted."""
        return self.found <= self.wanted


def floors(watches: Sequence[Watch]) -> list[Floor]:
    """False alarms a year: over all streams (calm stretches of the harmful ones too), and on the worst quiet one."""
    found = []
    for length in LENGTHS:
        if not any(one.length == length for one in watches):
            continue
        promise = f"false alarms in a year of {_NAMES[length]} windows"
        for harm, name in ((False, "all that are harmless"), (True, "all that come to harm, before it")):
            found.append(Floor(promise, name, MOST_A_YEAR, tally(watches, OURS, length, harm=harm).false_a_year))
        rates = {one.name: tally(watches, OURS, length, one.name).false_a_year for one in QUIET}
        seen = [name for name, rate in rates.items() if rate == rate]
        for name in sorted(seen, key=lambda name: -rates[name])[:1]:
            found.append(Floor(promise, f"the worst: {name}", MOST_A_YEAR, rates[name]))
    return [one for one in found if one.found == one.found]
