"""What is appended is there for good, and a connection that was cut is made anew."""

from __future__ import annotations

from datetime import datetime

import pytest
import sqlalchemy as sa

from pipelines.core.errors import Unavailable
from pipelines.stores.logbook.log_appender import Appender
from pipelines.stores.logbook.log_blocks import LogBlock
from pipelines.stores.logbook.log_entries import LoggedPrediction, new_id
from pipelines.stores.logbook.prediction_ids import make_ids
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.schema import ensure_schema

AT = datetime(2024, 1, 1)


def row(name: str | None = None) -> LoggedPrediction:
    return LoggedPrediction(name or new_id(), "p", 1, "r", AT, None, {}, 1)


def block() -> LogBlock:
    return LogBlock("p", 1, "r", "api", make_ids(3), AT, AT, b"content")


def count(engine: sa.Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())


def test_rows_and_blocks_go_in_together_or_not_at_all(database: str) -> None:
    engine = open_database(database)
    ensure_schema(engine)
    appender = Appender(engine)
    appender.append([*(row() for _ in range(300)), block(), block()])
    assert (count(engine, "predictions"), count(engine, "prediction_blocks")) == (300, 2)
    taken = row()
    appender.append([taken])
    with pytest.raises(Unavailable, match="takes no rows"):
        appender.append([block(), row(), taken])
    assert (count(engine, "predictions"), count(engine, "prediction_blocks")) == (301, 2)
    appender.close()
    appender.append([block()])
    assert count(engine, "prediction_blocks") == 3
    appender.close()
    engine.dispose()


def test_a_connection_that_was_cut_is_made_anew(database: str) -> None:
    engine = open_database(database)
    ensure_schema(engine)
    appender = Appender(engine)
    appender.append([block()])
    appender._connection.driver_connection.close()
    appender.append([block()])
    assert count(engine, "prediction_blocks") == 2
    appender.close()
    engine.dispose()


def test_without_its_tables_it_is_unavailable(database: str) -> None:
    engine = open_database(database)
    appender = Appender(engine)
    with pytest.raises(Unavailable, match=r"no such table|does not exist"):
        appender.append([block()])
    appender.close()
    engine.dispose()
