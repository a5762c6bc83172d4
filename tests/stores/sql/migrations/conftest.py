"""A database of an earlier revision."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.migrations.upgrading import upgrade


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    """The engine of an empty database."""
    opened = open_database(database)
    yield opened
    opened.dispose()


@pytest.fixture
def migrate(engine: sa.Engine) -> Callable[[str], None]:
    """Brings the database to a revision."""

    def to(revision: str) -> None:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            upgrade(connection, "ratchet_schema", revision)
            connection.commit()

    return to
