"""What each server needs, as a table, and numbers as the tables show them."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.serving.rounds import Measured
from benchmarks.tables import Table, markdown, plain

__all__ = ["Table", "markdown", "measured", "number", "plain"]


def measured(found: Sequence[Measured]) -> Table:
    """What each server needs per request."""
    rows = [
        (one.server, str(one.clients), f"{one.rows:,}", number(one.cpu_ms), f"{one.requests_per_second:,.0f}",
         number(one.p50_ms), number(one.p99_ms), f"{one.spread:.0%}")
        for one in found
    ]  # fmt: skip
    columns = ("server", "clients", "rows", "CPU ms", "requests/s", "p50 ms", "p99 ms", "spread")
    return Table("Per request", columns, rows)


def number(value: float | None) -> str:
    """Three digits that mean something; a dash for what was not measured.

    >>> number(0.12345), number(12.345), number(1234.5), number(None)
    ('0.123', '12.3', '1,234', '–')
    """
    if value is None:
        return "–"
    digits = 3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{digits}f}"
