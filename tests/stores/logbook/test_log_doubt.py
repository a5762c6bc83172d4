"""A commit whose answer is lost is not done twice."""

from __future__ import annotations

from datetime import datetime
from typing import Any

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


class Cut:
    """A connection that ends before or after the server has committed, so many times."""

    def __init__(self, connection: Any, committed: bool, error: type[Exception]) -> None:
        self._connection, self._committed, self._error = connection, committed, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def commit(self) -> None:
        if self._committed:
            self._connection.commit()
        raise self._error("the connection was closed")


def count(engine: sa.Engine) -> tuple[int, int]:
    with engine.connect() as connection:
        told = [connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() for table in _TABLES]
    return told[0], told[1]


_TABLES = ("predictions", "prediction_blocks")


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("size", [1, 12])
def test_it_is_looked_up_before_it_is_tried_again(database: str, committed: bool, size: int) -> None:
    engine = open_database(database)
    ensure_schema(engine)
    appender = Appender(engine)
    rows = [LoggedPrediction(new_id(), "p", 1, "r", AT, None, {}, 1) for _ in range(size)]
    blocks = [LogBlock("p", 1, "r", "api", make_ids(1), AT, AT, b"c") for _ in range(size)]
    appender.append([LoggedPrediction(new_id(), "p", 1, "r", AT, None, {}, 1)])
    appender._connection = Cut(appender._connection, committed, engine.dialect.loaded_dbapi.OperationalError)
    appender.append([*rows, *blocks])
    assert count(engine) == (size + 1, size)
    appender.close()
    engine.dispose()


def test_each_by_itself_after_both_tries_failed(database: str) -> None:
    """As the group commit does: the first entry was committed, and what came with it was too."""
    engine = open_database(database)
    ensure_schema(engine)
    appender = Appender(engine)
    blocks = [LogBlock("p", 1, "r", "api", make_ids(1), AT, AT, b"c") for _ in range(3)]
    appender.append([LoggedPrediction(new_id(), "p", 1, "r", AT, None, {}, 1)])
    error = engine.dialect.loaded_dbapi.OperationalError
    appender._connection = Cut(appender._connection, True, error)
    opened, appender._engine = appender._engine, Away(engine)  # type: ignore[assignment]
    with pytest.raises(Unavailable):
        appender.append(blocks)
    appender._engine = opened
    for block in blocks:
        appender.append([block])
    assert count(engine) == (1, 3)
    appender.close()
    engine.dispose()


class Away:
    """An engine whose server is away."""

    def __init__(self, engine: sa.Engine) -> None:
        self.dialect = engine.dialect

    def raw_connection(self) -> Any:
        raise self.dialect.loaded_dbapi.OperationalError("nobody listens")
