from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from pipelines.core.errors import Unavailable
from pipelines.stores.sql.database import answering, open_database

WRITER = """
import sys
from sqlalchemy import text
from pipelines.stores.sql.database import open_database
engine = open_database(sys.argv[1])
print("ready", flush=True)
for number in range(50):
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO seen (who, number) VALUES (:who, :number)"),
                           {"who": sys.argv[2], "number": number})
engine.dispose()
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'new' / 'folder' / 'some.db'}"


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE seen (who TEXT NOT NULL, number INTEGER NOT NULL)"))
    yield engine
    engine.dispose()


def count(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM seen")).scalar_one())


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 30_000)],
)
def test_every_connection_is_durable_and_patient(engine: Engine, pragma: str, value: object) -> None:
    with engine.connect() as one, engine.connect() as two:  # two of the pool: the settings are not the first one's only
        assert [each.execute(text(f"PRAGMA {pragma}")).scalar_one() for each in (one, two)] == [value, value]


def test_the_folder_is_made(engine: Engine, tmp_path: Path) -> None:
    assert (tmp_path / "new" / "folder" / "some.db").is_file()


def test_a_database_in_memory_needs_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for address in ("sqlite://", "sqlite:///:memory:"):
        engine = open_database(address)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1
        engine.dispose()
    assert list(tmp_path.iterdir()) == []


def test_a_reader_sees_the_last_commit_while_another_writes(engine: Engine) -> None:
    with engine.begin() as writer:
        writer.execute(text("INSERT INTO seen VALUES ('writer', 1)"))
        assert count(engine) == 0
    assert count(engine) == 1


def test_a_reference_to_nothing_is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE parent (id INTEGER PRIMARY KEY)"))
        connection.execute(text("CREATE TABLE child (parent INTEGER NOT NULL REFERENCES parent (id))"))
    with pytest.raises(IntegrityError, match="FOREIGN KEY"), engine.begin() as connection:
        connection.execute(text("INSERT INTO child VALUES (7)"))


def test_a_silent_database_is_named_and_a_row_that_is_there_is_not_silence(engine: Engine) -> None:
    silent = pytest.raises(Unavailable, match=r"^it does not answer \(no such table: absent\): check it")
    with silent, answering("it"), engine.connect() as connection:
        connection.execute(text("SELECT * FROM absent"))
    with pytest.raises(IntegrityError), answering("it"), engine.begin() as connection:
        connection.execute(text("INSERT INTO seen VALUES (NULL, 1)"))


def test_two_processes_write_at_once_and_no_row_is_lost(engine: Engine, url: str) -> None:
    with engine.begin() as holder:
        holder.execute(text("INSERT INTO seen VALUES ('holder', 0)"))  # the lock that both have to wait for
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, url, who], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            for who in ("one", "two")
        ]
        assert [writer.stdout.readline() for writer in writers if writer.stdout] == ["ready\n", "ready\n"]
    ends = [(writer.communicate(timeout=60)[1], writer.returncode) for writer in writers]
    assert ends == [("", 0), ("", 0)]
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT who, count(DISTINCT number) FROM seen GROUP BY who ORDER BY who")).all()
    assert [tuple(row) for row in rows] == [("holder", 1), ("one", 50), ("two", 50)]
