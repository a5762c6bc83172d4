"""Tables of what was measured, for the terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A title, column names and rows of texts."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


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
    """The table for a page.

    >>> print(markdown(Table("T", ("a", "b"), [("x", "1")])))
    | a | b |
    | --- | ---: |
    | x | 1 |
    """
    lines = [table.columns, ["---", *["---:"] * (len(table.columns) - 1)], *table.rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
