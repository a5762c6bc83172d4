from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from pipelines.stores.logbook.log_partitions import partitions
from pipelines.stores.logbook.log_tables import BLOCKS, LABELS

pytestmark = pytest.mark.usefixtures("database")
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
