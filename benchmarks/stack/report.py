"""What was measured on the stack, in tables, and whether it keeps the floors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.stack.growth import Grown
from benchmarks.stack.loads import Outcome
from benchmarks.tables import Table

DEARER = 1.5
"""From 1x to 10x traffic, and from the first to the last size of the log, a request may take so many times the CPU."""
SLOWER = 3.0
"""A look-up of one id, and a hundred labels, may take so many times as long in the largest log."""


def tables(peak: Outcome, growing: Sequence[Outcome], grown: Sequence[Grown]) -> list[Table]:
    """The peak, what each service takes, growth with traffic, growth with the log."""
    found = [_peak(peak), _services(peak), _traffic(growing)]
    return [*found, _log(grown)] if grown else found


def shortfalls(growing: Sequence[Outcome], grown: Sequence[Grown]) -> list[str]:
    """The floors that are not kept, in words."""
    missed = []
    if growing and growing[-1].cpu_ms > DEARER * growing[0].cpu_ms:
        missed.append(
            f"a request takes {growing[-1].cpu_ms / growing[0].cpu_ms:.1f} times the CPU at ten times the traffic"
        )
    for one in growing:
        if one.asked is not None and one.rate < 0.95 * one.asked:
            missed.append(f"{one.asked:,.0f} requests/s were wanted and {one.rate:,.0f} answered")
    if len(grown) > 1:
        for name, value in (("look_up_ms", "a look-up"), ("label_ms", "a hundred labels")):
            first, last = getattr(grown[0], name), getattr(grown[-1], name)
            if last > SLOWER * first:
                missed.append(f"{value} takes {last / first:.1f} times as long at {grown[-1].rows:,} rows")
        first, last = grown[0].predict.cpu_ms, grown[-1].predict.cpu_ms
        if last > DEARER * first:
            missed.append(f"a prediction takes {last / first:.1f} times the CPU at {grown[-1].rows:,} rows")
    return missed


def as_json(
    about: Mapping[str, Any], peak: Outcome, growing: Sequence[Outcome], grown: Sequence[Grown]
) -> dict[str, Any]:
    """Everything, for benchmarks/results."""
    return {
        "about": dict(about),
        "peak": peak.as_json(),
        "traffic": [one.as_json() for one in growing],
        "log": [one.as_json() for one in grown],
        "shortfalls": shortfalls(growing, grown),
    }


def _peak(one: Outcome) -> Table:
    title = f"As many single rows as are answered, {one.clients} clients, by the published port"
    row = (f"{one.rate:,.0f}", f"{one.p50_ms:.1f}", f"{one.p99_ms:.1f}", _ms(one.commit_p99_ms), f"{one.lag_ms:.0f}")
    return Table(title, ("predictions/s", "p50 ms", "p99 ms", "commit p99 ms (bound)", "longest lag ms"), [row])


def _services(one: Outcome) -> Table:
    rows = [
        (name, f"{one.memory[name] / 1e6:,.0f}", f"{one.cpu.get(name, 0.0) / one.seconds:.2f}")
        for name in sorted(one.memory, key=lambda name: -one.cpu.get(name, 0.0))
    ]
    total = (f"{sum(one.memory.values()) / 1e6:,.0f}", f"{sum(one.cpu.values()) / one.seconds:.2f}")
    return Table("What each service takes meanwhile", ("service", "memory MB", "CPU cores"), [*rows, ("all", *total)])


def _traffic(growing: Sequence[Outcome]) -> Table:
    rows = [
        (
            "" if one.asked is None else f"{one.asked:,.0f}",
            f"{one.rate:,.0f}",
            f"{one.p50_ms:.1f}",
            f"{one.p99_ms:.1f}",
            f"{one.lag_ms:.0f}",
            f"{one.cpu_ms:.2f}",
        )
        for one in growing
    ]
    columns = ("wanted/s", "answered/s", "p50 ms", "p99 ms", "longest lag ms", "CPU ms per request")
    return Table("From 1x to 10x traffic", columns, rows)


def _log(grown: Sequence[Grown]) -> Table:
    rows = [
        (
            f"{one.rows:,}",
            f"{one.bytes / 1e9:.2f}",
            f"{one.filled_per_second:,.0f}",
            f"{one.predict.rate:,.0f}",
            f"{one.predict.p99_ms:.1f}",
            f"{one.predict.cpu_ms:.2f}",
            f"{one.look_up_ms:.1f}",
            f"{one.label_ms:.1f}",
            "" if one.judge_seconds is None else f"{one.judge_seconds:.1f}",
        )
        for one in grown
    ]
    columns = (
        *("rows in the log", "database GB", "filled rows/s", "predictions/s", "p99 ms", "CPU ms per request"),
        *("look-up ms", "100 labels ms", "judging a day s"),
    )
    return Table("As the log grows", columns, rows)


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
