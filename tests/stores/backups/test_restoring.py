from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipelines.core.errors import NotFound, RatchetError, SourceError
from pipelines.core.settings import Settings
from pipelines.stores.backups.backup_folder import MANIFEST
from pipelines.stores.backups.making import make_backup
from pipelines.stores.backups.restoring import restore_backup
from pipelines.stores.decisions.ledger import open_ledger
from pipelines.stores.logbook.log_sealing import seal_log, sealed_segments, verify_segments
from pipelines.stores.logbook.prediction_log import open_log

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL
NOW = datetime(2024, 6, 15, tzinfo=UTC)
SPAN = (datetime(2024, 1, 1), datetime(2025, 1, 1))


@pytest.fixture
def other(settings: Settings, database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Another home, and another database of the same kind."""
    url = None if database.startswith("sqlite") else request.getfixturevalue("postgresql").make()
    return settings.model_copy(update={"home": tmp_path / "other home", "database_url": url})


def test_what_is_restored_is_what_was_there(fill: Callable[[], Settings], other: Settings, tmp_path: Path) -> None:
    settings = fill()
    make_backup(settings, tmp_path / "backup", NOW)
    with closing(open_log(settings)) as log:
        before = log.window("p", *SPAN)
    made = restore_backup(other, tmp_path / "backup")
    assert (made.ledger_entries, made.segments) == (4, 1)
    with closing(open_log(other)) as log, closing(open_ledger(other)) as ledger, closing(open_ledger(settings)) as old:
        pd.testing.assert_frame_equal(log.window("p", *SPAN), before)
        assert log.counts("p") == {"predictions": 15, "labelled": 3}
        assert ledger.entries() == old.entries()
        ledger.record("e", at=NOW, problem="p", kind="release", outcome="keep")
        log.add_labels("p", [{"id": before["id"][1], "label": 1.0}], NOW, float)
        assert log.counts("p")["labelled"] == 4
    assert verify_segments(other) == []
    assert seal_log(other, datetime(2024, 4, 1, tzinfo=UTC), NOW).rows == 5
    assert len(sealed_segments(other)) == 2
    assert (other.home / "contracts" / "p.json").read_text() == "contracts/p.json"
    with closing(sqlite3.connect(other.home / "mlflow" / "mlflow.db")) as connection:
        ((place,),) = connection.execute("SELECT artifact_location FROM experiments WHERE name = 'p'")
    assert place == f"file://{tmp_path}/other%20home/mlflow/artifacts/p"
    with pytest.raises(RatchetError, match="is not empty"):
        restore_backup(other, tmp_path / "backup")


def test_nothing_is_ever_replaced(fill: Callable[[], Settings], other: Settings, tmp_path: Path) -> None:
    make_backup(fill(), tmp_path / "backup", NOW)
    with closing(open_ledger(other)) as ledger:
        ledger.record("x", at=NOW, problem="p", kind="release", outcome="keep")
    for path in other.home.glob("ledger-head.json"):
        path.unlink()
    with pytest.raises(RatchetError, match="is not empty"):
        restore_backup(other, tmp_path / "backup")
    with closing(open_ledger(other)) as ledger:
        assert [one.key for one in ledger.entries()] == ["x"]


def test_a_damaged_backup_is_refused(fill: Callable[[], Settings], other: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    made = make_backup(fill(), folder, NOW)
    victim = folder / next(name for name in made.files if name.startswith("database/"))
    victim.write_bytes(victim.read_bytes()[:-3])
    with pytest.raises(SourceError, match="is not what was backed up"):
        restore_backup(other, folder)
    assert not other.home.exists() or not any(other.home.iterdir())
    (folder / MANIFEST).unlink()
    with pytest.raises(NotFound):
        restore_backup(other, folder)


def test_a_manifest_that_was_changed_is_found(fill: Callable[[], Settings], other: Settings, tmp_path: Path) -> None:
    make_backup(fill(), tmp_path / "backup", NOW)
    manifest: dict[str, Any] = json.loads((tmp_path / "backup" / MANIFEST).read_text())
    manifest["tables"]["labels"] += 1
    (tmp_path / "backup" / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(SourceError, match="labels has 2 rows, not 3"):
        restore_backup(other, tmp_path / "backup")


def test_another_kind_of_database_is_refused(fill: Callable[[], Settings], other: Settings, tmp_path: Path) -> None:
    settings = fill()
    make_backup(settings, tmp_path / "backup", NOW)
    url = "postgresql+psycopg://x@localhost/x" if settings.database.startswith("sqlite") else None
    with pytest.raises(RatchetError, match="must be alike"):
        restore_backup(other.model_copy(update={"database_url": url}), tmp_path / "backup")


@pytest.mark.servers
def test_databases_of_servers_are_restored(
    fill: Callable[[], Settings], other: Settings, foreign: str, postgresql: Any, tmp_path: Path
) -> None:
    elsewhere = {"mlflow_uri": "http://mlflow:5000", "mlflow_database_url": foreign, "prefect_database_url": foreign}
    make_backup(fill().model_copy(update=elsewhere), tmp_path / "backup", NOW)
    new = {"mlflow_uri": "http://mlflow:5000", "mlflow_database_url": postgresql.make()}
    there = other.model_copy(update=new)
    with pytest.raises(RatchetError, match=r"Prefect's database is in the backup.*--without prefect"):
        restore_backup(there, tmp_path / "backup")
    used = other.model_copy(update={**new, "prefect_database_url": foreign})
    with pytest.raises(RatchetError, match="Prefect's database is not empty"):
        restore_backup(used, tmp_path / "backup")
    assert not other.home.exists() or not any(other.home.iterdir())
    made = restore_backup(there, tmp_path / "backup", without=["prefect"])
    assert made.servers == {"mlflow": 5}
    assert any("Prefect's database is in the backup and was left out" in one for one in made.remarks)
    assert postgresql.say('SELECT name FROM "Flow run" ORDER BY id', postgresql.name(new["mlflow_database_url"])) == [
        ("ä",),
        ("\\.",),
    ]


def test_a_backup_of_before_is_read(fill: Callable[[], Settings], other: Settings, tmp_path: Path) -> None:
    make_backup(fill(), tmp_path / "backup", NOW)
    manifest: dict[str, Any] = json.loads((tmp_path / "backup" / MANIFEST).read_text())
    del manifest["servers"]
    (tmp_path / "backup" / MANIFEST).write_text(json.dumps({**manifest, "format": 1}))
    assert restore_backup(other, tmp_path / "backup").servers == {}
