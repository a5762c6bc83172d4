"""Tables of what was measured, for the terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.serving.rounds import Measured


@dataclass(frozen=True)
class Table:
    """A title, column names and rows of texts."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def measured(found: Sequence[Measured]) -> Table:
    """What each server needs per request."""
    rows = [
        (one.server, str(one.clients), f"{one.rows:,}", number(one.cpu_ms), f"{one.requests_per_second:,.0f}",
         number(one.p50_ms), number(one.p99_ms), f"{one.spread:.0%}")
        for one in found
    ]  # fmt: skip
    columns = ("server", "clients", "rows", "CPU ms", "requests/s", "p50 ms", "p99 ms", "spread")
    return Table("Per request", columns, rows)


def plain(table: Table) -> str:
    """The table for a terminal; numbers stand right.

    >>> print(plain(Table("T", ("a", "b"), [("x", "1"), ("yy", "10")])))
    T
    a    b
    x    1
    yy  10
    """
    lines = [table.columns, *table.rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(table.columns))]
    shown = []
    for line in lines:
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        shown.append("  ".join(cells).rstrip())
    return "\n".join([table.title, *shown])


def markdown(table: Table) -> str:
    """The table for the README.

    >>> print(markdown(Table("T", ("a", "b"), [("x", "1")])))
    | a | b |
    | --- | ---: |
    | x | 1 |
    """
    lines = [table.columns, ["---", *["---:"] * (len(table.columns) - 1)], *table.rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float | None) -> str:
    """Three digits that mean something; a dash for what was not measured.

    >>> number(0.12345), number(12.345), number(1234.5), number(None)
    ('0.123', '12.3', '1,234', '–')
    """
    if value is None:
        return "–"
    digits = 3 if value < 1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{digits}f}"
