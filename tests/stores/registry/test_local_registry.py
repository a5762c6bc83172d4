"""The registry in a file: what MLflow writes there is what is read, whatever state the file is in.

That it answers as the other readers do stands in `test_registry_reader.py`.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from pipelines.core.errors import NotFound, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.registry import local_registry
from pipelines.stores.registry.local_registry import LocalReader
from pipelines.stores.registry.mlflow_database import create_database


def _database(settings: Settings) -> Path:
    return Path(settings.tracking_uri.removeprefix("sqlite:///"))


@pytest.fixture
def filled(tmp_path: Path) -> Settings:
    """A store with two versions, one of them deleted, and a champion."""
    settings = Settings(home=tmp_path / "höme x")
    create_database(_database(settings), settings.artifacts)
    with closing(sqlite3.connect(_database(settings))) as database:
        database.execute("INSERT INTO registered_models (name) VALUES ('trains'), ('boats')")
        for version, stage in ((1, "Deleted_Internal"), (2, "None")):
            row = ("trains", version, 5000, stage)
            columns = "name, version, creation_time, current_stage"
            database.execute(f"INSERT INTO model_versions ({columns}) VALUES (?, ?, ?, ?)", row)
        database.execute("INSERT INTO model_version_tags (key, name, version) VALUES ('ratchet.digest', 'trains', 2)")
        database.execute("INSERT INTO registered_model_aliases (alias, version, name) VALUES ('champion', 2, 'trains')")
        database.commit()
    return settings


def test_what_is_missing_in_a_row_is_empty(filled: Settings) -> None:
    release = LocalReader(filled).champion("trains")
    assert release is not None
    assert (release.run_id, release.source, release.digest, release.created_at) == ("", "", "", 5.0)
    assert LocalReader(filled).aliases() == {"boats": {}, "trains": {"champion": 2}}


def test_a_deleted_version_is_no_release(filled: Settings) -> None:
    with pytest.raises(NotFound, match="no version 1"):
        LocalReader(filled).release("trains", 1)


@pytest.mark.parametrize("start", [None, b""])
def test_a_store_that_is_not_there_yet_knows_no_problem(settings: Settings, start: bytes | None) -> None:
    reader = LocalReader(settings)
    if start is not None:
        _database(settings).parent.mkdir(parents=True)
        _database(settings).write_bytes(start)
    assert reader.problems() == []
    assert reader.champions() == {}
    assert reader.champion("trains") is None
    with pytest.raises(NotFound):
        reader.release("trains", 1)
    assert _database(settings).exists() == (start is not None)


def test_a_store_that_has_gone_away_is_unavailable(filled: Settings) -> None:
    reader = LocalReader(filled)
    assert reader.problems() == ["boats", "trains"]
    _database(filled).unlink()
    with pytest.raises(Unavailable, match="cannot be read"):
        reader.aliases()


def test_a_damaged_store_is_unavailable(settings: Settings) -> None:
    _database(settings).parent.mkdir(parents=True)
    _database(settings).write_bytes(b"no database" * 100)
    with pytest.raises(Unavailable, match="cannot be read"):
        LocalReader(settings).aliases()


def test_a_locked_store_is_unavailable_and_then_answers(filled: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_registry, "_PATIENCE", 0.05)
    reader = LocalReader(filled)
    with closing(sqlite3.connect(_database(filled))) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Unavailable, match="locked"):
            reader.aliases()
        writer.rollback()
    assert reader.problems() == ["boats", "trains"]


def test_it_needs_no_mlflow(filled: Settings) -> None:
    program = (
        "import sys; from pipelines.core.settings import Settings; "
        "from pipelines.stores.registry.local_registry import LocalReader; "
        f"print(LocalReader(Settings(home={str(filled.home)!r})).champions()); "
        "assert not {'mlflow', 'sqlalchemy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "{'boats': None, 'trains': 2}"), done.stderr
