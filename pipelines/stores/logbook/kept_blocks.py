"""The blocks of the prediction log as they are looked up: by the ids they hold, and by the moments they speak of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from pipelines.stores.logbook.log_blocks import REACHES, KeptBlock
from pipelines.stores.logbook.log_tables import BLOCKS
from pipelines.stores.logbook.prediction_ids import PredictionIds, raw_id

_CHUNK = 500  # values per query: the smallest limit on bound variables of the databases in use is 999
_WHOLE = [BLOCKS.c[name] for name in ("problem", "version", "run_id", "source", "ids", "content")]


def find_problems(connection: sa.Connection, ids: Sequence[str]) -> dict[str, str]:
    """The problem of each id that is in a block."""
    columns = [BLOCKS.c.problem, BLOCKS.c.ids]
    found: dict[str, str] = {}
    for row, places in _holding(connection, columns, ids):
        found.update((name, row.problem) for name in places)
    return found


def find_rows(connection: sa.Connection, ids: Sequence[str]) -> Iterator[tuple[KeptBlock, dict[str, int]]]:
    """The blocks that hold any of these ids, each with where they stand in it."""
    for row, places in _holding(connection, _WHOLE, ids):
        yield _kept(row), places


def blocks_between(connection: sa.Connection, problem: str, start: datetime, end: datetime) -> Iterator[KeptBlock]:
    """The blocks of a problem that may hold rows whose moment lies in [start, end) (UTC, no zone)."""
    for reach in REACHES:
        query = (
            sa.select(*_WHOLE)
            .where(BLOCKS.c.problem == problem, BLOCKS.c.reach == reach)
            .where(BLOCKS.c.first_moment >= _before(start, reach), BLOCKS.c.first_moment < end)
            .where(BLOCKS.c.last_moment >= start)
        )
        for row in connection.execute(query, execution_options={"yield_per": 1_000}):
            yield _kept(row)


def count_rows(connection: sa.Connection, problem: str) -> int:
    """How many rows of a problem stand in blocks."""
    query = sa.select(sa.func.sum(BLOCKS.c.rows)).where(BLOCKS.c.problem == problem)
    return int(connection.execute(query).scalar_one() or 0)


def last_moment(connection: sa.Connection, problem: str) -> datetime | None:
    """The newest moment that a row in a block speaks of."""
    found: list[datetime] = []
    for reach in REACHES:
        ours = (BLOCKS.c.problem == problem) & (BLOCKS.c.reach == reach)
        newest = connection.execute(sa.select(sa.func.max(BLOCKS.c.first_moment)).where(ours)).scalar_one()
        if newest is not None:  # a block that begins earlier may still end later, but not by more than its reach
            late = ours & (BLOCKS.c.first_moment >= _before(newest, reach))
            found.append(connection.execute(sa.select(sa.func.max(BLOCKS.c.last_moment)).where(late)).scalar_one())
    return max(found, default=None)


def in_chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    """Values by as many as one query may bind."""
    listed = list(values)
    return (listed[first : first + _CHUNK] for first in range(0, len(listed), _CHUNK))


def _holding(
    connection: sa.Connection, columns: Sequence[Any], ids: Sequence[str]
) -> Iterator[tuple[Any, dict[str, int]]]:
    """Rows of the table that hold any of these ids, each with the places of those it holds."""
    wanted: dict[int, dict[bytes, str]] = {}
    for name in ids:
        raw = raw_id(name)
        if raw is not None:
            wanted.setdefault(int.from_bytes(raw[:6], "big"), {})[raw] = name
    for chunk in in_chunks(sorted(wanted)):
        for row in connection.execute(sa.select(BLOCKS.c.made, *columns).where(BLOCKS.c.made.in_(chunk))):
            places = _places(bytes(row.ids), wanted[row.made])
            if places:
                yield row, places


def _places(raw: bytes, wanted: dict[bytes, str]) -> dict[str, int]:
    if len(wanted) == 1:
        ((one, name),) = wanted.items()
        place = PredictionIds(raw).place(one)
        return {} if place is None else {name: place}
    found = {}
    for place in range(len(raw) // 16):
        name_of = wanted.get(raw[16 * place : 16 * place + 16])
        if name_of is not None:
            found[name_of] = place
    return found


def _kept(row: Any) -> KeptBlock:
    return KeptBlock(
        row.problem, row.version, row.run_id, row.source, PredictionIds(bytes(row.ids)), bytes(row.content)
    )


def _before(moment: datetime, seconds: int) -> datetime:
    try:
        return moment - timedelta(seconds=seconds)
    except OverflowError:  # before the calendar begins
        return datetime.fromisoformat("0001-01-01")
