from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import pytest

from pipelines.core.settings import Settings
from pipelines.stores.registry.mlflow_database import SCHEMA, create_database, open_client, schema_of_installed_mlflow


def lines(schema: str) -> list[str]:
    """Sorted: the migrations make some constraints in the order of a set, which differs from run to run."""
    return sorted(line.strip().rstrip(",") for line in schema.splitlines())


def test_the_schema_that_ships_is_what_the_installed_mlflow_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """After an upgrade of MLflow: python -m pipelines.stores.registry.mlflow_database."""
    monkeypatch.chdir(tmp_path)
    assert lines(SCHEMA.read_text()) == lines(schema_of_installed_mlflow())
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_a_store_is_made_once_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new" / "mlflow.db"
    assert create_database(path, tmp_path / "artifacts")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE experiments SET name = 'mine'")
        place = connection.execute("SELECT artifact_location FROM experiments").fetchone()[0]
    connection.close()
    assert place == (tmp_path / "artifacts" / "0").as_uri()
    assert not create_database(path, tmp_path / "artifacts")
    assert [one.name for one in path.parent.iterdir()] == ["mlflow.db"]


def test_with_another_mlflow_its_own_migrations_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "schema.sql"
    other.write_text("-- mlflow 0.0.1\n")
    monkeypatch.setattr("pipelines.stores.registry.mlflow_database.SCHEMA", other)
    assert not create_database(tmp_path / "mlflow.db", tmp_path)
    assert not (tmp_path / "mlflow.db").exists()


def test_opening_says_nothing_and_leaves_nothing_behind(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    client = open_client(settings)
    assert [one.name for one in client.search_experiments()] == ["Default"]
    assert capfd.readouterr() == ("", "")
    assert [one.name for one in tmp_path.iterdir()] == ["home"]
    assert logging.root.manager.disable == 0
