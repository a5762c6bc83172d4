"""How rows and blocks get into the prediction log: on one connection that stays, durable when `append` returns."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from pipelines.core.errors import Unavailable
from pipelines.stores.logbook.log_blocks import LogBlock
from pipelines.stores.logbook.log_copy import MANY, copy_blocks, copy_rows
from pipelines.stores.logbook.log_doubt import Doubtful
from pipelines.stores.logbook.log_entries import LoggedPrediction, row_values
from pipelines.stores.logbook.log_tidying import Tidying
from pipelines.stores.sql.log_partitions import MonthsAhead
from pipelines.stores.sql.log_tables import BLOCKS, PREDICTIONS, translated

Entry = LoggedPrediction | LogBlock
_AT_ONCE = 128  # rows in one INSERT statement
_ROW = 1_000  # bytes of a row and its indexes, about


class Appender:
    """The one connection of a process that appends; safe to share among threads.

    SQLAlchemy's own way to insert costs ten times as much.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._mark = "?" if engine.dialect.paramstyle == "qmark" else "%s"
        embedded = engine.dialect.name == "sqlite"
        self._tidying = Tidying(engine) if embedded else None
        self._ahead = None if embedded else MonthsAhead(engine)
        self._doubtful = Doubtful(self._mark)
        self._connection: Any = None
        self._lock = threading.Lock()
        self._rows = _insert(PREDICTIONS, [column.name for column in PREDICTIONS.columns])
        self._row = self._marks(len(PREDICTIONS.columns))
        names = [column.name for column in BLOCKS.columns if column.name != "seq"]
        self._blocks = _insert(BLOCKS, names) + self._marks(len(names))

    def append(self, entries: Sequence[Entry]) -> None:
        """All of it in one durable transaction, or nothing; Unavailable when the database does not take it."""
        rows = [row_values(one) for one in entries if isinstance(one, LoggedPrediction)]
        blocks = [one.values() for one in entries if isinstance(one, LogBlock)]
        with self._lock:
            kept = self._connection is not None
            for last in (True,) if not kept else (False, True):  # a connection that stayed may have been cut long ago
                try:
                    self._insert(*self._doubtful.left(self._cursor, rows, blocks))
                    return
                except self._engine.dialect.loaded_dbapi.Error as error:
                    self._let_go()
                    if last:
                        raise Unavailable(f"the prediction log takes no rows ({error}): check the database") from error
                except Exception:  # a cell that the driver cannot write: nothing of these rows may stay
                    self._let_go()
                    raise

    def tidy(self) -> None:
        """Look after what the database needs from time to time; to be called between two commits."""
        if self._ahead is not None:
            self._ahead.tidy()
        if self._tidying is not None:
            with self._lock:
                if self._connection is not None:
                    self._tidying.tidy(self._connection)

    def close(self) -> None:
        """Give the connection back."""
        if self._tidying is not None:
            self._tidying.close()
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _cursor(self) -> Any:
        """A cursor on the connection that stays."""
        if self._connection is None:
            with translated():
                self._connection = self._engine.raw_connection()
                if self._tidying is not None:
                    self._tidying.prepare(self._connection)
        return self._connection.cursor()

    def _insert(self, rows: list[tuple[Any, ...]], blocks: list[tuple[Any, ...]]) -> None:
        cursor = self._cursor()
        by_copy = self._tidying is None
        if by_copy and len(blocks) >= MANY:
            copy_blocks(cursor, blocks)
        else:
            for block in blocks:
                cursor.execute(self._blocks, block)
        if by_copy and len(rows) >= MANY:
            copy_rows(cursor, rows)
        else:
            self._insert_rows(cursor, rows)
        with self._doubtful.unless_told(rows, blocks):
            self._connection.commit()
        if self._tidying is not None:
            self._tidying.note(sum(len(block[-1]) for block in blocks) + _ROW * len(rows), self._connection)

    def _insert_rows(self, cursor: Any, rows: list[tuple[Any, ...]]) -> None:
        """Many rows to a statement: with a statement for each row the driver lets go of the interpreter's lock once
        a row, and a busy event loop is slow to give it back.
        """
        first = 0
        while left := len(rows) - first:
            size = min(1 << left.bit_length() - 1, _AT_ONCE)  # powers of two: few statements to prepare
            cells = [cell for row in rows[first : first + size] for cell in row]
            cursor.execute(self._rows + ", ".join([self._row] * size), cells)
            first += size

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(self._engine.dialect.loaded_dbapi.Error):  # it may be cut
                connection.rollback()  # the lock on the database goes with it
            connection.invalidate()

    def _marks(self, count: int) -> str:
        return f"({', '.join([self._mark] * count)})"


def _insert(table: sa.Table, names: list[str]) -> str:
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"INSERT INTO {table.name} ({quoted}) VALUES "
