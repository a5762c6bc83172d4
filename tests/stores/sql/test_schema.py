"""One schema: made at once or by migrating it is the same, an embedded database is taken over, a shared one is not."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pipelines.core.errors import Unavailable
from pipelines.stores.logbook.prediction_log import PredictionLog
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.migrations.upgrading import upgrade
from pipelines.stores.sql.schema import REVISIONS, ensure_schema, schema_state, upgrade_schema

NEWEST = REVISIONS[-1]
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize(
    "database", [pytest.param("postgresql", marks=pytest.mark.servers)], indirect=True
)


def migrate(url: str, to: str = "head") -> None:
    """Bring a database to a revision, as one that began with the first release was."""
    engine = open_database(url)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        upgrade(connection, "ratchet_schema", to)
        connection.commit()
    engine.dispose()


def make(url: str) -> None:
    engine = open_database(url)
    ensure_schema(engine)
    engine.dispose()


def described(url: str, postgresql: Any) -> str:
    """Every table, index, trigger and constraint, as the database itself tells them."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            query = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name"
            return "\n".join(re.sub(r"\s+", " ", str(row)) for row in connection.execute(query))
    place = ["-h", str(postgresql.folder), "-U", "ratchet", postgresql.name(url)]
    done = subprocess.run(["pg_dump", "-s", *place], capture_output=True, text=True, check=True)
    return re.sub(r"\\(un)?restrict \w+", "", done.stdout)  # a word of chance, new in each dump


@on_sqlite
def test_made_at_once_is_what_migrating_comes_to_on_sqlite(database: str, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path / 'migrated.db'}"
    make(database)
    migrate(other)
    assert described(database, None) == described(other, None)
    assert "labels_by_known" in described(other, None)


@pytest.mark.servers
def test_made_at_once_is_what_migrating_comes_to_on_postgresql(postgresql: Any) -> None:
    made, migrated = postgresql.make(), postgresql.make()
    make(made)
    migrate(migrated)
    assert described(made, postgresql) == described(migrated, postgresql)
    assert "PARTITION BY RANGE (made)" in described(made, postgresql)
    for url in (made, migrated):
        postgresql.drop(url)


def test_an_empty_database_is_made_once_however_many_start_at_once(database: str) -> None:
    assert schema_state(database).state == "empty"
    engines = [open_database(database) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(ensure_schema, engines))
    with engines[0].connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM ratchet_schema").scalars().all() == [NEWEST]
    for engine in engines:
        engine.dispose()
    assert (schema_state(database).state, upgrade_schema(database).state) == ("current", "current")


def test_opening_what_is_there_needs_one_query_and_no_alembic(database: str) -> None:
    make(database)
    program = (
        "import sys, sqlalchemy as sa; from pipelines.stores.sql.database import open_database;"
        "from pipelines.stores.sql.schema import ensure_schema; engine = open_database(sys.argv[1]); said = [];"
        "sa.event.listen(engine, 'before_cursor_execute', lambda *given: said.append(given[2]));"
        "ensure_schema(engine); print(len(said), 'alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, database], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"]


@on_sqlite
def test_an_embedded_database_of_before_is_brought_up_to_date_when_it_is_opened(database: str) -> None:
    migrate(database, "0001")
    engine = open_database(database)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE ratchet_schema")  # as before there were revisions
        connection.exec_driver_sql("DROP TABLE api_keys")  # tables were made when they were first used
        connection.exec_driver_sql(
            "INSERT INTO labels (prediction_id, label, known_at, received_at)"
            " VALUES ('a', 'true', '2024-01-01 00:00:00.000000', '2024-01-01 00:00:00.000000')"
        )
    engine.dispose()
    assert schema_state(database) == schema_state(database)
    assert (schema_state(database).state, schema_state(database).steps) == ("behind", REVISIONS)
    log = PredictionLog(database)
    assert [one.label for one in log.labels("a")] == [True]
    log.close()
    assert schema_state(database).state == "current"


@on_postgresql
def test_a_shared_database_behind_the_code_is_refused_and_upgraded_on_purpose(database: str) -> None:
    migrate(database, "0001")
    with pytest.raises(Unavailable, match=rf"is of revision 0001, this code needs {NEWEST}: run `ratchet db upgrade`"):
        PredictionLog(database)
    found = upgrade_schema(database)
    assert (found.state, found.found, found.steps) == ("behind", "0001", REVISIONS[1:])
    PredictionLog(database).close()


def test_a_database_newer_than_the_code_is_left_alone(database: str) -> None:
    make(database)
    engine = open_database(database)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ratchet_schema SET version_num = '9999'")
    for act in (ensure_schema, lambda _: upgrade_schema(database)):
        with pytest.raises(Unavailable, match=r"newer than this code .*: update Ratchet"):
            act(engine)
    assert schema_state(database).state == "ahead"
    engine.dispose()


def test_a_migration_that_fails_leaves_the_database_as_it_was(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(database, "0001")

    def fail(*_: Any) -> None:
        raise RuntimeError("out of power")

    monkeypatch.setattr("pipelines.stores.sql.schema.make_partitions", fail)
    with pytest.raises(RuntimeError):
        upgrade_schema(database)
    assert (schema_state(database).state, schema_state(database).found) == ("behind", "0001")
    monkeypatch.undo()
    assert upgrade_schema(database).state == "behind"
    assert schema_state(database).state == "current"


@pytest.mark.parametrize("act", [schema_state, upgrade_schema])
def test_a_database_that_does_not_answer_is_told(act: Callable[[str], Any], tmp_path: Path) -> None:
    (tmp_path / "some.db").mkdir()
    with pytest.raises(Unavailable, match="does not answer"):
        act(f"sqlite:///{tmp_path / 'some.db'}")


def test_every_table_is_in_the_schema(database: str) -> None:
    make(database)
    engine = open_database(database)
    names = set(sa.inspect(engine).get_table_names())
    engine.dispose()
    assert {"decisions", "seals", "requests", "predictions", "labels", "notices", "rollouts", "api_keys"} < names
