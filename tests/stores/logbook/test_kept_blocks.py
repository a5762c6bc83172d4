"""Blocks are found by the ids they hold and by their moments, and no further than they reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.stores.logbook.kept_blocks import (
    block_spans,
    blocks_between,
    count_blocks,
    count_rows,
    find_problems,
    find_rows,
    has_blocks,
    last_moment,
)
from pipelines.stores.logbook.log_appender import Appender
from pipelines.stores.logbook.log_blocks import LogBlock, write_content
from pipelines.stores.logbook.prediction_ids import PredictionIds, make_ids, new_id
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.schema import ensure_schema

START = datetime(2024, 1, 1)


def block(first: datetime, last: datetime, problem: str = "p", ids: PredictionIds | None = None) -> LogBlock:
    given_ids = ids or make_ids(2)
    content = write_content(
        [(START.isoformat(), 2)], "t", {"t": np.array([first, last], "M8[us]")}, None, np.array([1.0, 2.0]), None
    )
    return LogBlock(problem, 1, "r", "api", given_ids, first, last, content)


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    engine = open_database(database)
    ensure_schema(engine)
    yield engine
    engine.dispose()


def append(engine: sa.Engine, *blocks: LogBlock) -> None:
    appender = Appender(engine)
    appender.append(blocks)
    appender.close()


def test_ids_are_found_among_those_of_the_same_millisecond(engine: sa.Engine) -> None:
    ids = make_ids(4)
    blocks = [block(START, START, "p", ids.part(0, 2)), block(START, START, "q", ids.part(2, 4)), block(START, START)]
    append(engine, *blocks)
    wanted = [ids.texts[1], ids.texts[2], ids.texts[3], new_id(), "absent", *blocks[2].ids.texts]
    with engine.connect() as connection:
        found = find_problems(connection, wanted)
        rows = {name: at for _, places in find_rows(connection, wanted) for name, at in places.items()}
    assert found == {**dict.fromkeys(ids.texts[2:], "q"), **dict.fromkeys([ids.texts[1], *blocks[2].ids.texts], "p")}
    assert [rows[name] for name in wanted if name in rows] == [1, 0, 1, 0, 1]


hours = st.integers(0, 24 * 800)


@settings(max_examples=30, deadline=None)
@given(spans=st.lists(st.tuples(hours, hours), max_size=12), one=hours, other=hours)
def test_a_stretch_finds_what_overlaps_it(
    fresh: Callable[[], str], spans: list[tuple[int, int]], one: int, other: int
) -> None:
    engine = open_database(fresh())
    ensure_schema(engine)
    blocks = [block(*(START + timedelta(hours=hour) for hour in sorted(span))) for span in spans]
    append(engine, *blocks)
    start, end = (START + timedelta(hours=hour) for hour in sorted((one, other)))
    with engine.connect() as connection:
        found = {kept.ids.raw for kept in blocks_between(connection, "p", start, end)}
        told = list(block_spans(connection, "p", start, end))
        newest = last_moment(connection, "p")
        assert (count_rows(connection, "p"), count_rows(connection, "q")) == (2 * len(spans), 0)
        assert last_moment(connection, "q") is None
        counted = sum(count for _, count in count_blocks(connection, "p", start, end))
        assert count_blocks(connection, "q", start, end) == []
        held = [has_blocks(connection, name, blocks[0].version if blocks else 1, start, end) for name in ("p", "q")]
    near = [each for each in blocks if each.first < end and each.last >= start]
    assert found == {each.ids.raw for each in near}
    assert sorted(told) == sorted((1, 2, each.first, each.last) for each in near)
    assert counted == len(near)
    assert held == [bool(near), False]
    assert newest == max((each.last for each in blocks), default=None)
    engine.dispose()


def test_the_calendar_has_a_beginning(engine: sa.Engine) -> None:
    first = datetime(1, 1, 1)
    append(engine, block(first, datetime(9999, 1, 1)))
    with engine.connect() as connection:
        assert len(list(blocks_between(connection, "p", first, datetime(2, 1, 1)))) == 1
        assert last_moment(connection, "p") == datetime(9999, 1, 1)
