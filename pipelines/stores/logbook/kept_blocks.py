"""The blocks of the prediction log as they are looked up: by the ids they hold, and by the moments they speak of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from pipelines.stores.logbook.log_blocks import REACHES, KeptBlock
from pipelines.stores.logbook.prediction_ids import PredictionIds, raw_id
from pipelines.stores.sql.log_tables import BLOCKS

_CHUNK = 500  # values per query: the smallest limit on bound variables of the databases in use is 999
_AT_ONCE = 10_000  # rows in the blocks that are held at once
_NAMES = ("problem", "version", "run_id", "source", "ids", "content", "first_moment", "last_moment")
_WHOLE = [BLOCKS.c[name] for name in _NAMES]


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


def read_blocks(connection: sa.Connection, numbers: Sequence[int]) -> Iterator[KeptBlock]:
    """The blocks with these numbers."""
    for chunk in in_chunks(numbers):
        for row in connection.execute(sa.select(*_WHOLE).where(BLOCKS.c.seq.in_(chunk))):
            yield _kept(row)


def blocks_between(connection: sa.Connection, problem: str, start: datetime, end: datetime) -> Iterator[KeptBlock]:
    """The blocks of a problem that may hold rows whose moment lies in [start, end) (UTC, no zone).

    They come a few thousand rows at a time, whatever their size: memory stays flat.
    """
    for reach in REACHES:
        near = _near(problem, start, end, reach)
        sizes = sa.select(sa.func.count(), sa.func.sum(BLOCKS.c.rows)).where(near)
        blocks, rows = connection.execute(sizes).one()
        if blocks:
            at_once = max(1, min(1_000, _AT_ONCE * blocks // max(int(rows), 1)))
            query = sa.select(*_WHOLE).where(near)
            for row in connection.execute(query, execution_options={"yield_per": at_once}):
                yield _kept(row)


def count_near(connection: sa.Connection, problem: str, start: datetime, end: datetime) -> int:
    """How many rows stand in the blocks that may hold rows of [start, end)."""
    near = sa.or_(*(_near(problem, start, end, reach) for reach in REACHES))
    return int(connection.execute(sa.select(sa.func.sum(BLOCKS.c.rows)).where(near)).scalar_one() or 0)


def block_spans(
    connection: sa.Connection, problem: str, start: datetime, end: datetime
) -> Iterator[tuple[int, int, datetime, datetime]]:
    """Version, rows, first and last moment of each block that may hold rows of [start, end), none of them opened."""
    columns = [BLOCKS.c[name] for name in ("version", "rows", "first_moment", "last_moment")]
    for reach in REACHES:
        query = sa.select(*columns).where(_near(problem, start, end, reach))
        yield from connection.execute(query, execution_options={"yield_per": 5_000}).tuples()


def count_blocks(connection: sa.Connection, problem: str, start: datetime, end: datetime) -> list[tuple[int, int]]:
    """How many blocks may hold rows of [start, end), by reach: a look at the index, hardly at the blocks.

    Blocks are never changed: as long as these counts stay, the rows do.
    """
    ours = (BLOCKS.c.problem == problem) & BLOCKS.c.reach.in_(REACHES)
    within = ours & (BLOCKS.c.first_moment >= start) & (BLOCKS.c.first_moment < end)
    into = sa.or_(*((BLOCKS.c.reach == one) & (BLOCKS.c.first_moment >= _before(start, one)) for one in REACHES))
    into &= (BLOCKS.c.problem == problem) & (BLOCKS.c.first_moment < start) & (BLOCKS.c.last_moment >= start)
    counts = sa.select(BLOCKS.c.reach, sa.func.count()).group_by(BLOCKS.c.reach).order_by(BLOCKS.c.reach)
    return [(reach, count) for part in (within, into) for reach, count in connection.execute(counts.where(part))]


def has_blocks(connection: sa.Connection, problem: str, version: int, start: datetime, end: datetime) -> bool:
    """Whether there is any block of a version that may hold rows of [start, end)."""
    ours = [
        sa.select(sa.literal(1)).where(_near(problem, start, end, reach), BLOCKS.c.version == version).limit(1)
        for reach in REACHES
    ]
    return any(connection.execute(query).first() is not None for query in ours)


def _near(problem: str, start: datetime, end: datetime, reach: int) -> sa.ColumnElement[bool]:
    ours = (BLOCKS.c.problem == problem) & (BLOCKS.c.reach == reach) & (BLOCKS.c.last_moment >= start)
    return ours & (BLOCKS.c.first_moment >= _before(start, reach)) & (BLOCKS.c.first_moment < end)


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
    problem, version, run_id, source, ids, content, first, last = (getattr(row, name) for name in _NAMES)
    return KeptBlock(problem, version, run_id, source, PredictionIds(bytes(ids)), bytes(content), (first, last))


def _before(moment: datetime, seconds: int) -> datetime:
    try:
        return moment - timedelta(seconds=seconds)
    except OverflowError:  # before the calendar begins
        return datetime.fromisoformat("0001-01-01")
