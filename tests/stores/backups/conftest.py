"""A home with something of everything, on SQLite and on PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.settings import Settings
from pipelines.stores.decisions.ledger import open_ledger
from pipelines.stores.logbook.log_sealing import seal_log
from pipelines.stores.logbook.prediction_log import LoggedPrediction, PredictionLog, new_id, open_log
from pipelines.stores.registry.mlflow_database import create_database

NOW = datetime(2024, 6, 15, tzinfo=UTC)


def log_rows(log: PredictionLog, moment: datetime, count: int = 5) -> None:
    """Some answers, one labelled."""
    ids = [new_id() for _ in range(count)]
    at = [moment + timedelta(minutes=place) for place in range(count)]
    log.append(
        [LoggedPrediction(name, "p", 1, "r", one, one, {"x": 1.5}, 2.5) for name, one in zip(ids, at, strict=True)]
    )
    log.add_labels("p", [{"id": ids[0], "label": 3.5}], moment + timedelta(days=1), float)


@pytest.fixture
def foreign(postgresql: Any, load_file: Any) -> str:
    """A database as servers of others make them (foreign_tables.py)."""
    url: str = postgresql.make()
    postgresql.say(load_file(Path(__file__).with_name("foreign_tables.py")).TABLES, postgresql.name(url))
    return url


@pytest.fixture
def fill(settings: Settings) -> Callable[[], Settings]:
    """Fills the test's home: a ledger, a log of which one month is sealed, MLflow's database, files."""

    def filled() -> Settings:
        with closing(open_ledger(settings)) as ledger:
            for place, key in enumerate("abc"):
                ledger.record(key, at=NOW, problem="p", kind="release", outcome="promote", version=place + 1)
        with closing(open_log(settings)) as log:
            for month in (1, 2, 6):
                log_rows(log, datetime(2024, month, 3, tzinfo=UTC))
        seal_log(settings, datetime(2024, 2, 10, tzinfo=UTC), NOW)
        create_database(settings.home / "mlflow" / "mlflow.db", settings.artifacts)
        with closing(sqlite3.connect(settings.home / "mlflow" / "mlflow.db")) as connection, connection:
            connection.execute(
                "INSERT INTO experiments (name, artifact_location, lifecycle_stage) VALUES ('p', ?, 'active')",
                (f"file://{settings.artifacts}/p",),
            )
        for name in (
            "contracts/p.json",
            "problems/p.json",
            "data/p/1.parquet",
            "run/pid",
            "locks/a.lock",
            "logs/x.log",
        ):
            (settings.home / name).parent.mkdir(parents=True, exist_ok=True)
            (settings.home / name).write_text(name)
        return settings

    return filled
