"""Turns among real processes, on a file and on a PostgreSQL server, where each process has a home of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.sql.turns import turn

HOLD = """
import sys, time
from pipelines.core.settings import Settings
from pipelines.stores.sql.turns import turn
with turn(Settings(), "train-x", 0) as mine:
    print(mine, flush=True)
    time.sleep(60)
"""
COUNT = """
import sys
from pathlib import Path
from pipelines.core.settings import Settings
from pipelines.stores.sql.turns import turn
for _ in range(20):
    with turn(Settings(), "count", 60) as mine:
        assert mine
        number = int(Path(sys.argv[1]).read_text())
        Path(sys.argv[1]).write_text(str(number + 1))
"""


@pytest.fixture
def shared(settings: Settings, database: str) -> Settings:
    return settings.model_copy(update={"database_url": database})


def _environment(settings: Settings, home: Path) -> dict[str, str]:
    # Over an embedded database there is one home; over a server each process has its own.
    home = settings.home if settings.database.startswith("sqlite") else home
    return os.environ | {"RATCHET_HOME": str(home), "RATCHET_DATABASE_URL": settings.database}


def test_a_turn_dies_with_its_process(shared: Settings, tmp_path: Path) -> None:
    environment = _environment(shared, tmp_path / "other")
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True, env=environment) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        with turn(shared, "train-x", 0) as mine, turn(shared, "train-y", 0) as another:
            assert (mine, another) == (False, True)
        os.kill(other.pid, signal.SIGKILL)
    with turn(shared, "train-x", 10) as mine:
        assert mine
    with pytest.raises(ValueError, match="told"), turn(shared, "train-x", 0):
        raise ValueError("told")
    with turn(shared, "train-x", 0) as mine:  # an error in the block gave it back
        assert mine


def test_nobody_is_in_it_twice(shared: Settings, tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.write_text("0")
    command = [sys.executable, "-c", COUNT, str(count)]
    running = [subprocess.Popen(command, env=_environment(shared, tmp_path / f"home {number}")) for number in range(3)]
    assert [one.wait(120) for one in running] == [0, 0, 0]
    assert count.read_text() == "60"


@pytest.mark.servers
def test_a_connection_that_was_cut_gives_the_turn_away(settings: Settings, postgresql: object) -> None:
    url = postgresql.make()  # type: ignore[attr-defined]
    shared = settings.model_copy(update={"database_url": url})
    engine = create_engine(url)
    with turn(shared, "train-x", 0) as mine:
        assert mine
        with engine.begin() as connection:
            held = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND database = "
            ours = "(SELECT oid FROM pg_database WHERE datname = current_database())"
            connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM ({held}{ours}) AS one"))
        time.sleep(0.2)
        with turn(shared, "train-x", 5) as another:
            assert another
    engine.dispose()


def test_a_server_that_is_away_is_told(settings: Settings) -> None:
    away = settings.model_copy(update={"database_url": "postgresql+psycopg://x@127.0.0.1:9/x"})
    with pytest.raises(Unavailable, match="does not answer"), turn(away, "x", 0):
        pass
