from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import sqlalchemy as sa

from pipelines.core.errors import RatchetError, Unavailable
from pipelines.stores.backups.database_copies import (
    copy_sqlite,
    count_rows,
    dump_server,
    is_sqlite,
    load_server,
    require_empty,
)
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.log_partitions import partitions
from pipelines.stores.sql.schema import REVISIONS

NOW = datetime(2024, 1, 1, tzinfo=UTC)
on_postgresql = pytest.mark.parametrize(
    "database", [pytest.param("postgresql", marks=pytest.mark.servers)], indirect=True
)


def test_a_copy_is_of_one_moment(tmp_path: Path) -> None:
    source, ended = tmp_path / "a.db", Event()
    with closing(sqlite3.connect(source)) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE pairs (one INTEGER, other INTEGER)")
        made.commit()

    def write() -> None:
        with closing(sqlite3.connect(source, timeout=30)) as connection:
            number = 0
            while not ended.is_set():
                number += 1
                connection.executemany("INSERT INTO pairs VALUES (?, ?)", [(number, 1), (number, 2)])
                connection.commit()

    writer = Thread(target=write)
    writer.start()
    try:
        for turn in range(5):
            target = tmp_path / f"copy{turn}.db"
            copy_sqlite(source, target)
            with closing(sqlite3.connect(target)) as copied:
                assert copied.execute("SELECT count(*) FROM pairs GROUP BY one HAVING count(*) != 2").fetchall() == []
            assert is_sqlite(target)
            assert not target.with_name(f"{target.name}-wal").exists()
    finally:
        ended.set()
        writer.join()


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("SQLite")
    assert not is_sqlite(tmp_path / "a.txt")
    with pytest.raises(Unavailable, match="cannot be copied"):
        copy_sqlite(tmp_path / "absent.db", tmp_path / "b.db")


def test_a_ledger_is_never_replaced(database: str) -> None:
    with closing(Ledger(database)) as ledger:
        require_empty(database)
        ledger.record("a", at=NOW, problem="p", kind="release", outcome="promote")
    with pytest.raises(RatchetError, match="1 decisions, 1 seals"):
        require_empty(database)


@on_postgresql
def test_a_dump_is_loaded_as_it_was(database: str, postgresql: Any, tmp_path: Path) -> None:
    with closing(Ledger(database)) as ledger:
        for key in "abc":
            ledger.record(key, at=NOW, problem="p", kind="release", outcome="promote", reasons=["ä\n\t\\"])
    dump = dump_server(database, tmp_path / "dump")
    assert (dump.tables["decisions"], dump.tables["seals"], dump.segments) == (3, 3, [])
    other = postgresql.make()
    load_server(other, tmp_path / "dump", REVISIONS[-1], ["2023-05-01", *dump.months])
    assert count_rows(other) == dump.tables
    with closing(Ledger(other)) as ledger, closing(Ledger(database)) as old:
        assert ledger.entries() == old.entries()
        assert ledger.record("d", at=NOW, problem="p", kind="release", outcome="keep").id > 3
    engine = open_database(other)
    with engine.connect() as connection:
        assert "labels_2023_05" in {one.name for one in partitions(connection, "labels")}
        assert connection.execute(sa.text("SELECT count(*) FROM decisions")).scalar_one() == 4
    engine.dispose()
    with pytest.raises(RatchetError, match="is not empty"):
        load_server(other, tmp_path / "dump", REVISIONS[-1], [])
    with pytest.raises(RatchetError, match="of revision 0000"):
        load_server(postgresql.make(), tmp_path / "dump", "0000", [])
