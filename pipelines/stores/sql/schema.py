"""The database's tables as one schema with a revision: made where there is none, brought up to date, or refused.

An empty database gets all tables as they are now. An embedded one (SQLite) of an earlier version is brought up to date
when it is opened. A PostgreSQL database is shared: that is done by `ratchet db upgrade`, once and on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.schema import CreateIndex, CreateTable

from pipelines.core.errors import Unavailable
from pipelines.stores.sql import key_tables, ledger_tables, log_tables, notice_tables, segment_tables, trial_tables
from pipelines.stores.sql.database import answering, database_name, open_database, serialise
from pipelines.stores.sql.log_partitions import make_partitions

__all__ = ["REVISIONS", "SchemaState", "all_tables", "ensure_schema", "schema_state", "upgrade_schema"]

REVISIONS = ("0001", "0002", "0003", "0004")
"""Every revision there was, the newest last: what the files in `migrations/versions` are called inside."""
_METADATA = (
    ledger_tables.metadata,
    log_tables.METADATA,
    segment_tables.METADATA,
    notice_tables.METADATA,
    trial_tables.METADATA,
    key_tables.METADATA,
)
_VERSION = sa.Table(
    "ratchet_schema",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="ratchet_schema_pkc"),
)
"""Alembic's own table under our name: MLflow and Prefect may have theirs in the same database."""
_WHAT = "the database"


@dataclass(frozen=True)
class SchemaState:
    """Where a database stands: `found` is its revision, None without one; `steps` are the revisions it lacks."""

    state: Literal["current", "empty", "behind", "ahead"]
    found: str | None
    wanted: str = REVISIONS[-1]
    steps: tuple[str, ...] = ()


def all_tables() -> list[sa.Table]:
    """Every table, each after those that it refers to."""
    return [table for metadata in _METADATA for table in metadata.sorted_tables]


def ensure_schema(engine: sa.Engine) -> None:
    """The tables as this code knows them; one small query where they are there already.

    Unavailable when the database does not answer, or when it is not for this code to change it: the engine is closed
    then. Several processes may call it at once.
    """
    try:
        with answering(_WHAT):
            if _revision(engine) != REVISIONS[-1]:
                _bring_up(engine)
    except BaseException:
        engine.dispose()  # nobody has it yet who would
        raise


def schema_state(url: str) -> SchemaState:
    """Where the database at `url` stands, without a change to it; Unavailable when it does not answer."""
    engine = open_database(url)
    try:
        with answering(_WHAT), engine.connect() as connection:
            return _state(connection)
    finally:
        engine.dispose()


def upgrade_schema(url: str) -> SchemaState:
    """How the database at `url` was found; it is up to date when this returns, or as it was when this raises.

    What takes long is done beforehand, while services go on: killed meanwhile it goes on from there the next time.
    Unavailable when it does not answer, or when it is newer than this code.
    """
    engine = open_database(url)
    try:
        with answering(_WHAT):
            _prepare(engine)
        with answering(_WHAT), _alone(engine) as connection:
            found = _state(connection)
            if found.state == "ahead":
                raise Unavailable(_refusal(engine, found))
            if found.state == "empty":
                _create(connection)
            elif found.state == "behind":
                _migrate(connection)
            make_partitions(connection, datetime.now(UTC))
        return found
    finally:
        engine.dispose()


def _prepare(engine: sa.Engine) -> None:
    if engine.dialect.name == "sqlite":
        return
    with engine.begin() as waiting:
        waiting.exec_driver_sql("SET LOCAL lock_timeout = 0")
        serialise(waiting, "upgrade")  # one at a time, however long it takes
        found = _state(waiting)
        if found.state == "behind":
            from pipelines.stores.sql.migrations.upgrading import prepare

            prepare(engine, found.steps)


def _bring_up(engine: sa.Engine) -> None:
    with _alone(engine) as connection:
        found = _state(connection)
        if found.state == "empty":
            _create(connection)
        elif found.state == "behind" and engine.dialect.name == "sqlite":
            _migrate(connection)
        elif found.state != "current":
            raise Unavailable(_refusal(engine, found))


@contextmanager
def _alone(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that is kept as a whole or not at all, while no other process makes or changes tables."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # Python's driver begins none before a CREATE
        else:
            serialise(connection, "schema")
        yield connection
        connection.commit()


def _revision(engine: sa.Engine) -> str | None:
    """The database's revision, at the price of one query; None where it has none."""
    with engine.connect() as connection:
        try:
            return connection.execute(sa.select(_VERSION.c.version_num)).scalar_one_or_none()
        except (OperationalError, ProgrammingError):  # no such table, or no database: the next look tells
            return None


def _state(connection: sa.Connection) -> SchemaState:
    known = sa.inspect(connection)
    found = None
    if known.has_table(_VERSION.name):
        found = connection.execute(sa.select(_VERSION.c.version_num)).scalar_one_or_none()
    if found is None:
        names = {table.name for metadata in _METADATA for table in metadata.sorted_tables}
        state: Literal["empty", "behind"] = "behind" if names & set(known.get_table_names()) else "empty"
        return SchemaState(state, None, steps=REVISIONS)
    if found not in REVISIONS:
        return SchemaState("ahead", found)
    steps = REVISIONS[REVISIONS.index(found) + 1 :]
    return SchemaState("behind" if steps else "current", found, steps=steps)


def _create(connection: sa.Connection) -> None:
    """Every table as it is now, in one go: what the migrations would come to (a test compares)."""
    for statement in _statements(connection.dialect.name):
        connection.exec_driver_sql(statement)
    make_partitions(connection, datetime.now(UTC))
    connection.execute(_VERSION.insert().values(version_num=REVISIONS[-1]))


@cache
def _statements(name: str) -> tuple[str, ...]:
    """What makes the tables on a kind of database; to write it down takes longer than to run it."""
    dialect, made = sa.make_url(f"{name}://").get_dialect()(), list[str]()
    for table in (*all_tables(), _VERSION):
        made.append(str(CreateTable(table).compile(dialect=dialect)))
        indexes = sorted(table.indexes, key=lambda one: str(one.name))
        made += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
    return (*made, *ledger_tables.guards(dialect.name))


def _migrate(connection: sa.Connection) -> None:
    from pipelines.stores.sql.migrations.upgrading import upgrade  # Alembic: only where there is something to do

    upgrade(connection, _VERSION.name)


def _refusal(engine: sa.Engine, found: SchemaState) -> str:
    name = database_name(engine)
    if found.state == "ahead":
        return (
            f"the database {name} is of revision {found.found}, newer than this code ({found.wanted}): update Ratchet"
        )
    at = f"of revision {found.found}" if found.found else "of before there were revisions"
    return (
        f"the database {name} is {at}, this code needs {found.wanted}: run `ratchet db upgrade` (docs/how-to/deploy.md)"
    )
