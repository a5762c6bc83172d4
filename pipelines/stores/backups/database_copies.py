"""Copies of databases: SQLite files by SQLite's own backup, PostgreSQL's tables by COPY within one snapshot.

Neither holds anybody up: what is written meanwhile is not in the copy, and what is in it is of one moment.
"""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipelines.core.errors import RatchetError, Unavailable
from pipelines.stores.backups.backup_folder import digest_of
from pipelines.stores.sql.database import answering, open_database
from pipelines.stores.sql.log_partitions import make_partitions, partitions
from pipelines.stores.sql.schema import all_tables, schema_state, upgrade_schema
from pipelines.stores.sql.segment_tables import Segment, list_segments

_HEADER = b"SQLite format 3\x00"
_KEPT = ("decisions", "seals", "predictions", "prediction_blocks", "labels", "log_segments")
"""Tables that nobody's backup may replace while there is something in them."""
_CHUNK = 1 << 20


def is_sqlite(path: Path) -> bool:
    """Whether a file is a database of SQLite's."""
    with path.open("rb") as file:
        return file.read(len(_HEADER)) == _HEADER


def copy_sqlite(source: Path, target: Path) -> str:
    """The digest of a copy of the database as it is at one moment, whoever writes to it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=60)) as read,
            closing(sqlite3.connect(target)) as written,
        ):
            read.backup(written)
            written.execute("PRAGMA journal_mode=DELETE")  # one file, no write-ahead log beside it
    except sqlite3.Error as error:
        raise Unavailable(f"{source} cannot be copied ({error}): check the disk, and its rights") from error
    return digest_of(target)


def count_rows(url: str) -> dict[str, int]:
    """Rows of each table of the database at `url`."""
    engine = open_database(url)
    try:
        with answering("the database"), engine.connect() as connection:
            return _counts(connection)
    finally:
        engine.dispose()


@dataclass(frozen=True)
class Dump:
    """The tables of a PostgreSQL database as files: their digests by name, and what they hold."""

    files: dict[str, str]
    tables: dict[str, int]
    segments: list[Segment]
    months: list[str]
    """Those that had a partition."""


def dump_server(url: str, folder: Path) -> Dump:
    """Every table into a file of its own, all as of one moment."""
    engine = open_database(url)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with answering("the database"), engine.connect() as connection:
            connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            digests = {_file(one): _copy_out(connection, one, folder / _file(one)) for one in all_tables()}
            months = {part.start.date().isoformat() for name in ("prediction_blocks", "labels")
                      for part in partitions(connection, name) if part.start is not None}  # fmt: skip
            return Dump(digests, _counts(connection), list_segments(connection), sorted(months))
    finally:
        engine.dispose()


def load_server(url: str, folder: Path, revision: str, months: list[str]) -> None:
    """The tables of a dump into an empty database, in one transaction.

    RatchetError where the database holds a log or a ledger, or the dump is of another revision.
    """
    upgrade_schema(url)
    state = schema_state(url)
    if state.found != revision:
        raise RatchetError(
            f"the backup is of revision {revision} of the database, this code has {state.found}: restore it with the "
            "version of Ratchet that made it, then update and run `ratchet db upgrade`"
        )
    require_empty(url)
    engine = open_database(url)
    try:
        with answering("the database"), engine.begin() as connection:
            for month in months:
                make_partitions(connection, datetime.fromisoformat(month).replace(tzinfo=UTC), ahead=0)
            for table in reversed(all_tables()):
                if table.name not in _KEPT:
                    connection.execute(table.delete())
            for table in all_tables():
                _copy_in(connection, table, folder / _file(table))
                _renumber(connection, table)
    finally:
        engine.dispose()


def require_empty(url: str) -> None:
    """RatchetError where the database holds a log or a ledger: a backup never replaces one."""
    found = {name: count for name, count in count_rows(url).items() if name in _KEPT and count}
    if found:
        told = ", ".join(f"{count:,} {name}" for name, count in found.items())
        raise RatchetError(f"the database is not empty ({told}): restore into a new one (RATCHET_DATABASE_URL)")


def _counts(connection: sa.Connection) -> dict[str, int]:
    counted = {one.name: sa.select(sa.func.count()).select_from(one) for one in all_tables()}
    return {name: int(connection.execute(query).scalar_one()) for name, query in counted.items()}


def _file(table: sa.Table) -> str:
    return f"{table.name}.copy.gz"


def _columns(table: sa.Table) -> str:
    return ", ".join(f'"{column.name}"' for column in table.columns)


def _copy_out(connection: sa.Connection, table: sa.Table, path: Path) -> str:
    statement = f'COPY (SELECT {_columns(table)} FROM "{table.name}") TO STDOUT (FORMAT binary)'
    with gzip.open(path, "wb", compresslevel=1) as file, _cursor(connection).copy(statement) as copied:
        for part in copied:
            file.write(part)
    return digest_of(path)


def _copy_in(connection: sa.Connection, table: sa.Table, path: Path) -> None:
    statement = f'COPY "{table.name}" ({_columns(table)}) FROM STDIN (FORMAT binary)'
    with gzip.open(path, "rb") as file, _cursor(connection).copy(statement) as copied:
        while part := file.read(_CHUNK):
            copied.write(part)


def _renumber(connection: sa.Connection, table: sa.Table) -> None:
    """Let numbers go on behind those that were given."""
    for column in table.columns:
        query = sa.text("SELECT pg_get_serial_sequence(:table, :column)")
        sequence = connection.execute(query, {"table": table.name, "column": column.name}).scalar_one()
        last = sequence and connection.execute(sa.select(sa.func.max(column))).scalar_one()
        if last:
            connection.execute(sa.text("SELECT setval(:sequence, :last)"), {"sequence": sequence, "last": last})


def _cursor(connection: sa.Connection) -> Any:
    """The driver's cursor: COPY is its own."""
    return connection.connection.driver_connection.cursor()  # type: ignore[union-attr]
