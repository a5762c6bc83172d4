"""One way to open the database of the prediction log and the ledger."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from pipelines.core.errors import Unavailable

PAGE = 4_096
"""Bytes of a page of SQLite's, as it makes new databases."""
_SPACE = 4_711_204  # any number that nobody else locks
_TURN = text("SELECT pg_advisory_xact_lock(:space, :turn)")
_DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
_SESSION = {
    "lock_timeout": "30s",  # as long as SQLite waits
    "tcp_keepalives_idle": "10",  # else the server keeps the locks of a machine that is gone for two hours
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
_CONNECT = {
    "application_name": "ratchet",
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "options": " ".join(f"-c {name}={value}" for name, value in _SESSION.items()),
}


def open_database(url: str) -> Engine:
    """An engine whose commits are durable: SQLite gets WAL and `synchronous=FULL`, and waits for locks.

    FULL costs little under group commit, and is what makes an acknowledged row survive a power cut.
    """
    address = make_url(url)
    if address.get_backend_name() != "sqlite":
        return _open_server(address)
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


def serialise(connection: Connection, what: str) -> None:
    """Let nobody else past this call until the transaction of `connection` ends; `what` names what goes in turn.

    SQLite has one writer at a time anyway: there it does nothing.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(_TURN, {"space": _SPACE, "turn": zlib.crc32(what.encode()) - 2**31})


def database_name(engine: Engine) -> str:
    """What a database is called to a person: never with a password."""
    address = engine.url
    return f"{address.host or 'local'}/{address.database}" if address.host or address.port else str(address.database)


def _open_server(address: URL) -> Engine:
    """PostgreSQL: a connection that was cut is found within seconds at both ends, and what it held is let go."""
    known = {name: address.query.get(name, value) for name, value in _CONNECT.items()}  # the URL's own word counts
    if address.drivername in ("postgresql", "postgres"):
        address = address.set(drivername="postgresql+psycopg")
    engine = create_engine(address, pool_pre_ping=True, connect_args=known)
    event.listen(engine, "connect", _prepare_server)
    return engine


def _prepare_server(connection: Any, _record: Any) -> None:
    """A commit is durable, whatever the server's or the role's default is."""
    with connection.cursor() as cursor:
        cursor.execute(_DURABLE)
    connection.commit()


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
