"""One way to open the database of the prediction log and the ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Executable, MetaData, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.schema import CreateIndex, CreateTable

from pipelines.core.errors import Unavailable

PAGE = 4_096
"""Bytes of a page of SQLite's, as it makes new databases."""


def open_database(url: str) -> Engine:
    """An engine whose commits are durable: SQLite gets WAL and `synchronous=FULL`, and waits for locks.

    FULL costs little under group commit, and is what makes an acknowledged row survive a power cut.
    """
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        return create_engine(address, pool_pre_ping=True)
    if address.database not in (None, "", ":memory:"):
        Path(str(address.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(address, connect_args={"timeout": 30, "check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


@contextmanager
def answering(what: str) -> Iterator[None]:
    """Unavailable where `what` does not answer; a row that is there already stays IntegrityError."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise Unavailable(f"{what} does not answer ({error.orig}): check it") from error


def create_missing(engine: Engine, metadata: MetaData) -> None:
    """Make the tables and indexes that are not there yet; several processes may start at once."""
    for table in metadata.sorted_tables:
        statements: list[Executable] = [CreateTable(table, if_not_exists=True)]
        statements += [CreateIndex(index, if_not_exists=True) for index in table.indexes]
        for statement in statements:
            try:
                with engine.begin() as connection:
                    connection.execute(statement)
            except DBAPIError:  # PostgreSQL: two processes that find nothing both create
                with engine.begin() as connection:
                    connection.execute(statement)


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    # With the default of 2 MB the pages of a large batch are read and written again and again.
    cursor.execute("PRAGMA cache_size=-16000")
    cursor.execute("PRAGMA wal_autocheckpoint=4000")
    cursor.execute("PRAGMA temp_store=MEMORY")  # else each statement of many rows makes, fills and removes a file
    cursor.close()
