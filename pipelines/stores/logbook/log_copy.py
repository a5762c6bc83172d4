"""How many rows get into PostgreSQL at once: by COPY, which takes a fifth of the time and a tenth of the CPU of INSERT.

A few go by INSERT: a COPY costs two more exchanges with the server.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pipelines.stores.sql.log_tables import BLOCKS, PREDICTIONS

MANY = 8
"""Rows from which on COPY is quicker (docs/decisions/0015-postgresql.md has the measurements)."""
Row = Sequence[Any]
_TYPES = {
    **dict.fromkeys(("made", "reach"), "int8"),
    **dict.fromkeys(("version", "rows"), "int4"),
    **dict.fromkeys(("problem", "run_id", "source"), "varchar"),
    **dict.fromkeys(("first_moment", "last_moment"), "timestamp"),
    **dict.fromkeys(("ids", "content"), "bytea"),
}
_BLOCK = [column.name for column in BLOCKS.columns if column.name != "seq"]
_ROW = [column.name for column in PREDICTIONS.columns]
_MOMENTS = [_BLOCK.index("first_moment"), _BLOCK.index("last_moment")]


def copy_blocks(cursor: Any, rows: Sequence[Row]) -> None:
    """Rows as `LogBlock.values` gives them, on a cursor of psycopg's; binary, because most of them is bytes."""
    with cursor.copy(_statement(BLOCKS.name, _BLOCK, " (FORMAT BINARY)")) as copy:
        copy.set_types([_TYPES[name] for name in _BLOCK])
        for row in rows:
            cells = list(row)
            for place in _MOMENTS:
                cells[place] = datetime.fromisoformat(cells[place])
            copy.write_row(cells)


def copy_rows(cursor: Any, rows: Sequence[Row]) -> None:
    """Rows as `row_values` gives them, on a cursor of psycopg's."""
    with cursor.copy(_statement(PREDICTIONS.name, _ROW)) as copy:
        for row in rows:
            copy.write_row(row)


def _statement(table: str, names: Sequence[str], form: str = "") -> str:
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"COPY {table} ({quoted}) FROM STDIN{form}"
