"""What was measured, in tables, and whether it keeps the floors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.tables import Table

OURS = "our verdict"
TIMES_LESS = 20.0
"""Of Evidently's CPU on all rows, our verdict's is to be at most one part in so many."""
GROWTH_MB = 100.0
"""From a million rows to the largest window, our peak memory may grow by no more."""


@dataclass(frozen=True)
class Cost:
    """One contender on one window; `note` says why there are no figures."""

    who: str
    rows: int
    cpu: float = 0.0
    seconds: float = 0.0
    before_mb: float = 0.0
    peak_mb: float = 0.0
    drifted: Mapping[str, bool] | None = None
    note: str = ""


def tables(costs: Sequence[Cost]) -> list[Table]:
    """Side by side on the first window, and ours as windows grow."""
    first = costs[0].rows
    ours = costs[0]
    lines = []
    for one in (one for one in costs if one.rows == first):
        if one.note:
            lines.append((one.who, one.note, "", "", ""))
            continue
        same = "yes" if one.drifted == ours.drifted else "no"
        ratio = f"{one.cpu / ours.cpu:.1f}" if ours.cpu else ""
        lines.append((one.who, f"{one.cpu:.2f}", ratio, f"{one.peak_mb:,.0f}", same))
    title = f"One window of {first:,} rows and ten columns"
    beside = Table(title, ("who", "CPU seconds", "times our verdict", "peak MB", "same verdicts"), lines)
    grown = [
        (f"{one.rows:,}", f"{one.cpu:.2f}", f"{one.seconds:.2f}", f"{one.peak_mb:,.0f}")
        for one in costs
        if one.who == ours.who and not one.note
    ]
    return [beside, Table("Ours as windows grow", ("rows", "CPU seconds", "seconds", "peak MB"), grown)]


def shortfalls(costs: Sequence[Cost]) -> list[str]:
    """The floors that are not kept, in words.

    >>> shortfalls([Cost(OURS, 10, 1.0, peak_mb=9, drifted={}), Cost("Evidently", 10, 5.0, drifted={"a": True})])
    ['Evidently takes 5.0 times our CPU: 20 are wanted', "Evidently's verdicts differ from ours: a"]
    """
    ours, found = costs[0], []
    for one in costs[1:]:
        if one.rows == ours.rows and one.drifted is not None:
            if one.who == "Evidently" and one.cpu < TIMES_LESS * ours.cpu:
                found.append(f"{one.who} takes {one.cpu / ours.cpu:.1f} times our CPU: {TIMES_LESS:g} are wanted")
            named = {**one.drifted, **(ours.drifted or {})}
            other = sorted(name for name in named if one.drifted.get(name) != (ours.drifted or {}).get(name))
            if other:
                found.append(f"{one.who}'s verdicts differ from ours: {', '.join(other)}")
    largest = max((one for one in costs if one.who == ours.who), key=lambda one: one.rows)
    if largest.peak_mb > ours.peak_mb + GROWTH_MB:
        found.append(
            f"our memory grows from {ours.peak_mb:.0f} MB to {largest.peak_mb:.0f} MB at {largest.rows:,} rows"
        )
    return found


def as_json(about: Mapping[str, Any], costs: Sequence[Cost]) -> dict[str, Any]:
    """Everything, for benchmarks/results."""
    return {"about": dict(about), "costs": [asdict(one) for one in costs], "shortfalls": shortfalls(costs)}
