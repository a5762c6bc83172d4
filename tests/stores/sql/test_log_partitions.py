"""Partitions are made ahead, take over what came before them, and nothing is ever refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.log_partitions import (
    MonthsAhead,
    drop_empty_partitions,
    drop_partition,
    make_partitions,
    partitions,
)
from pipelines.stores.sql.log_tables import LABELS
from pipelines.stores.sql.schema import ensure_schema

on_postgresql = pytest.mark.parametrize(
    "database", [pytest.param("postgresql", marks=pytest.mark.servers)], indirect=True
)
FAR = datetime(2031, 12, 24, tzinfo=UTC)


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    opened = open_database(database)
    ensure_schema(opened)
    yield opened
    opened.dispose()


def keep_label(engine: sa.Engine, received_at: datetime) -> None:
    moment = received_at.replace(tzinfo=None)
    with engine.begin() as connection:
        row = {"prediction_id": "a", "label": "1", "known_at": moment, "received_at": moment}
        connection.execute(LABELS.insert(), [row])


def held(engine: sa.Engine, name: str) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one())


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_on_sqlite_there_are_none(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        assert (make_partitions(connection, FAR), partitions(connection, "labels")) == ([], [])
    assert drop_empty_partitions(engine, FAR) == []


@on_postgresql
def test_they_are_made_for_this_month_and_the_next(engine: sa.Engine) -> None:
    now = datetime.now(UTC)
    with engine.begin() as connection:
        for table in ("labels", "prediction_blocks"):
            *months, rest = partitions(connection, table)
            assert rest.name == f"{table}_rest"
            assert rest.start is None
            assert months[0].start is not None
            assert months[0].end is not None
            assert months[0].start <= now < months[0].end
            assert [one.end for one in months[:-1]] == [one.start for one in months[1:]]
            assert len(months) == 3
        assert make_partitions(connection, now) == []
        made = make_partitions(connection, FAR, ahead=1)
    assert made == [f"{table}_{month}" for table in ("prediction_blocks", "labels") for month in ("2031_12", "2032_01")]


@on_postgresql
def test_a_partition_takes_over_what_the_rest_holds_of_its_month(engine: sa.Engine) -> None:
    for days in (-30, 0, 5, 40):
        keep_label(engine, FAR + timedelta(days=days))
    assert held(engine, "labels_rest") == 4
    with engine.begin() as connection:
        make_partitions(connection, FAR, ahead=0)
    assert (held(engine, "labels_rest"), held(engine, "labels_2031_12"), held(engine, "labels")) == (2, 2, 4)


@on_postgresql
def test_only_what_is_over_and_empty_is_dropped(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        make_partitions(connection, FAR, ahead=1)
    keep_label(engine, FAR)
    dropped = drop_empty_partitions(engine, FAR + timedelta(days=20))
    assert "prediction_blocks_2031_12" in dropped
    assert not {"labels_2031_12", "labels_2032_01", "labels_rest"} & set(dropped)
    with engine.begin() as connection:
        drop_partition(connection, "labels_2031_12")
    assert held(engine, "labels") == 0
    keep_label(engine, FAR)  # into the rest: nothing is refused
    assert held(engine, "labels_rest") == 1


@on_postgresql
def test_one_that_is_read_is_left_for_later_and_a_writer_is_not_hindered(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        make_partitions(connection, FAR, ahead=0)
    with engine.connect() as reader:
        reader.exec_driver_sql("SELECT 1 FROM prediction_blocks LIMIT 1").all()
        dropped = drop_empty_partitions(engine, FAR + timedelta(days=20))
        assert not any(name.startswith("prediction_blocks") for name in dropped)


@on_postgresql
def test_many_that_look_at_once_make_each_once(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for table in ("labels", "prediction_blocks"):
            for one in partitions(connection, table)[:-1]:
                drop_partition(connection, one.name)
    threads = [threading.Thread(target=MonthsAhead(engine).tidy) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.connect() as connection:
        assert [len(partitions(connection, table)) for table in ("labels", "prediction_blocks")] == [4, 4]
