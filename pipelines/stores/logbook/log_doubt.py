"""What was sent to be committed, and nobody knows whether it was: the connection ended before the answer came.

Such entries are tried again, and must not be in the log twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pipelines.stores.sql.log_tables import BLOCKS, PREDICTIONS

Row = tuple[Any, ...]
_MADE, _IDS = 0, -2  # of a block's values
_MOST = 20_000  # entries that are remembered


class Doubtful:
    """The entries in doubt, by their ids; a look into the database tells which of them are in."""

    def __init__(self, mark: str) -> None:
        """`mark`: how the driver writes a value's place in a statement."""
        self._mark = mark
        self._ids: set[str | bytes] = set()

    @contextmanager
    def unless_told(self, rows: Sequence[Row], blocks: Sequence[Row]) -> Iterator[None]:
        """Around the commit of these entries: they are in doubt unless it gives an answer."""
        try:
            yield
        except BaseException:
            if len(self._ids) > _MOST:
                self._ids.clear()
            self._ids.update(_ids(rows, blocks))
            raise

    def left(self, open_cursor: Callable[[], Any], rows: list[Row], blocks: list[Row]) -> tuple[list[Row], list[Row]]:
        """The rows and blocks that are still to be written."""
        asked = self._ids.intersection(_ids(rows, blocks)) if self._ids else set()
        if not asked:
            return rows, blocks
        cursor = open_cursor()
        rows = [row for row in rows if row[0] not in asked or not self._has_row(cursor, row)]
        blocks = [one for one in blocks if one[_IDS] not in asked or not self._has_block(cursor, one)]
        self._ids -= asked
        return rows, blocks

    def _has_row(self, cursor: Any, row: Row) -> bool:
        cursor.execute(f"SELECT 1 FROM {PREDICTIONS.name} WHERE id = {self._mark}", (row[0],))
        return cursor.fetchone() is not None

    def _has_block(self, cursor: Any, block: Row) -> bool:
        cursor.execute(f"SELECT ids FROM {BLOCKS.name} WHERE made = {self._mark}", (block[_MADE],))
        return any(bytes(ids) == block[_IDS] for (ids,) in cursor.fetchall())


def _ids(rows: Sequence[Row], blocks: Sequence[Row]) -> set[str | bytes]:
    return {row[0] for row in rows} | {block[_IDS] for block in blocks}
