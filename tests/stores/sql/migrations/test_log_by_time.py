from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Lock, Thread
from typing import Any

import pytest
import sqlalchemy as sa

from pipelines.stores.sql.log_partitions import partitions
from pipelines.stores.sql.log_tables import BLOCKS, LABELS
from pipelines.stores.sql.migrations.versions import log_by_time
from pipelines.stores.sql.schema import schema_state, upgrade_schema

pytestmark = pytest.mark.usefixtures("database")
on_postgresql = pytest.mark.parametrize(
    "database", [pytest.param("postgresql", marks=pytest.mark.servers)], indirect=True
)
MOMENTS = [datetime(2023, 12, 31, 23, 59, 59), datetime(2024, 1, 1), datetime(2026, 11, 5, 12)]


def block(moment: datetime) -> dict[str, Any]:
    told = {"problem": "p", "version": 1, "run_id": "r", "source": "api", "rows": 1, "reach": 60}
    made = int(moment.replace(tzinfo=UTC).timestamp() * 1000)
    return {**told, "made": made, "first_moment": moment, "last_moment": moment, "ids": b"i", "content": b"c"}


def label(moment: datetime) -> dict[str, Any]:
    return {"prediction_id": f"{moment:%Y}", "label": "1", "known_at": moment, "received_at": moment}


def rows(engine: sa.Engine, table: sa.Table) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.select(table).order_by(table.c.seq))]


def test_the_rows_move_into_their_months_and_numbers_go_on(engine: sa.Engine, migrate: Callable[[str], None]) -> None:
    migrate("0001")
    with engine.begin() as connection:
        connection.execute(BLOCKS.insert(), [block(moment) for moment in MOMENTS])
        connection.execute(LABELS.insert(), [label(moment) for moment in MOMENTS])
    before = rows(engine, BLOCKS), rows(engine, LABELS)
    migrate("0002")
    assert (rows(engine, BLOCKS), rows(engine, LABELS)) == before
    with engine.begin() as connection:
        connection.execute(LABELS.insert(), [label(MOMENTS[0])])
        assert connection.execute(sa.select(sa.func.max(LABELS.c.seq))).scalar_one() == 4
        if engine.dialect.name == "postgresql":
            for table in ("prediction_blocks", "labels"):
                names = [one.name for one in partitions(connection, table)]
                assert names[:3] == [f"{table}_2023_12", f"{table}_2024_01", f"{table}_2026_11"]
                held = [connection.exec_driver_sql(f"SELECT count(*) FROM {one}").scalar_one() for one in names[:3]]
                assert held == ([1, 1, 1] if table == "prediction_blocks" else [2, 1, 1])


def fill(engine: sa.Engine, count: int) -> None:
    """As code of revision 0001 did it."""
    with engine.begin() as connection:
        connection.execute(BLOCKS.insert(), [block(MOMENTS[place % 3]) for place in range(count)])
        connection.execute(LABELS.insert(), [label(MOMENTS[place % 3]) for place in range(count)])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Batches of a few rows."""
    sizes = {"prediction_blocks": 10, "labels": 25}
    monkeypatch.setattr(log_by_time, "_BATCH", sizes)
    return sizes


@on_postgresql
def test_services_write_on_while_it_is_upgraded(
    database: str, engine: sa.Engine, migrate: Callable[[str], None], small: dict[str, int]
) -> None:
    migrate("0001")
    fill(engine, 300)
    small.update({"prediction_blocks": 100, "labels": 100})
    ended, waits, written = Event(), [0.0], [300]

    counting = Lock()

    def write() -> None:
        with engine.connect() as connection:
            while not ended.is_set():
                began = time.monotonic()
                connection.execute(BLOCKS.insert().inline(), [block(MOMENTS[2])])
                connection.execute(LABELS.insert().inline(), [label(MOMENTS[2])])
                connection.commit()
                waits.append(time.monotonic() - began)
                with counting:
                    written[0] += 1
                time.sleep(0.02)

    writers = [Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    try:
        assert upgrade_schema(database).found == "0001"
        until = written[0] + 20
        while written[0] < until and all(writer.is_alive() for writer in writers):
            time.sleep(0.01)
        assert written[0] >= until  # their statements, prepared before, go to the new tables
    finally:
        ended.set()
        for writer in writers:
            writer.join()
    for table in (BLOCKS, LABELS):
        numbers = [row[0] for row in rows(engine, table)]
        assert len(set(numbers)) == len(numbers) == written[0]
    assert max(waits) < 5.0  # seconds, on a busy machine; nobody waits for the whole


@on_postgresql
@pytest.mark.parametrize("calls", [1, 4, 25])
def test_a_killed_upgrade_goes_on(
    database: str,
    engine: sa.Engine,
    migrate: Callable[[str], None],
    small: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
    calls: int,
) -> None:
    """While blocks are copied, and while labels are."""
    migrate("0001")
    fill(engine, 200)
    before = rows(engine, BLOCKS), rows(engine, LABELS)
    left, copied, real = [calls], list[int](), log_by_time._copy

    def killed(connection: sa.Connection, table: str, after: int, upto: int | None = None) -> int:
        left[0] -= 1
        if left[0] == 0:
            real(connection, table, after, upto)
            raise KeyboardInterrupt
        copied.append(after)
        return real(connection, table, after, upto)

    monkeypatch.setattr(log_by_time, "_copy", killed)
    with pytest.raises(KeyboardInterrupt):
        upgrade_schema(database)
    assert (rows(engine, BLOCKS), rows(engine, LABELS)) == before
    assert schema_state(database).found == "0001"
    fill(engine, 5)
    first = len(copied)
    upgrade_schema(database)
    assert schema_state(database).state == "current"
    assert (rows(engine, BLOCKS)[:200], rows(engine, LABELS)[:200]) == before
    assert (len(rows(engine, BLOCKS)), len(rows(engine, LABELS))) == (205, 205)
    assert copied[first] > 0 or calls == 1  # what was kept is not copied again
    assert [name for name in sa.inspect(engine).get_table_names() if "to_be" in name] == []


@on_postgresql
def test_an_upgrade_without_preparation_is_whole_too(engine: sa.Engine, migrate: Callable[[str], None]) -> None:
    migrate("0001")
    fill(engine, 60)
    log_by_time.prepare(engine)
    fill(engine, 30)
    migrate("0002")
    fill(engine, 1)
    for table in (BLOCKS, LABELS):
        assert [row[0] for row in rows(engine, table)] == list(range(1, 92))
