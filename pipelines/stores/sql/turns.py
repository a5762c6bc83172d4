"""One at a time, whoever shares the database: a lock that dies with its process, on one machine or on many.

With an embedded database everybody is on one machine and a file in home is locked; with a server it is an advisory lock
of that server, held by a connection of its own: the worker, the console and other machines have homes of their own.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from filelock import FileLock, Timeout
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from pipelines.core.settings import Settings
from pipelines.stores.sql.database import answering, open_database
from pipelines.stores.sql.database_facts import is_server

_LOOK = 0.2  # seconds between two tries
_TRY = text("SELECT pg_try_advisory_lock(:number)")
_LEAVE = text("SELECT pg_advisory_unlock(:number)")


@contextmanager
def turn(settings: Settings, name: str, wait: float) -> Iterator[bool]:
    """Hold the turn of that name while the block runs; False when others still have it after `wait` seconds.

    Unavailable when the database does not answer. A connection that is cut gives the turn away.
    """
    if is_server(settings.database):
        with _server_turn(settings.database, name, wait) as mine:
            yield mine
        return
    folder = settings.home / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{name}.lock")
    try:
        lock.acquire(timeout=wait)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


@contextmanager
def _server_turn(url: str, name: str, wait: float) -> Iterator[bool]:
    engine = open_database(url)
    number = int.from_bytes(hashlib.sha256(f"ratchet turn {name}".encode()).digest()[:8], signed=True)
    with ExitStack() as after:
        after.callback(engine.dispose)
        with answering("the database"):
            connection = after.enter_context(engine.connect().execution_options(isolation_level="AUTOCOMMIT"))
            mine = _take(connection, number, time.monotonic() + wait)
        try:
            yield mine
        finally:
            if mine:
                with suppress(DBAPIError):  # the server let go of it when the connection was cut
                    connection.execute(_LEAVE, {"number": number})


def _take(connection: Connection, number: int, deadline: float) -> bool:
    while not connection.execute(_TRY, {"number": number}).scalar_one():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK)
    return True
