from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.core.settings import Settings
from pipelines.stores.logbook import sealed_batches
from pipelines.stores.logbook.archive import open_archive
from pipelines.stores.logbook.prediction_log import PredictionLog, open_log
from pipelines.stores.logbook.sealed_batches import batches, problems_before, remove
from pipelines.stores.sql.database import open_database

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL
START = datetime(2024, 3, 1)
NOW = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)


@pytest.fixture
def log(settings: Settings) -> Iterator[PredictionLog]:
    opened = open_log(settings)
    yield opened
    opened.close()


def test_batches_are_of_one_month_and_not_too_large(
    settings: Settings, log: PredictionLog, traffic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, other = traffic(300, days=60.0), traffic(40, seed=1)
    made.log(log, 20)
    other.log(log, None)
    other.label(log, range(0, 40, 2))
    monkeypatch.setattr(sealed_batches, "ROWS", 70)
    engine = open_database(settings.database)
    found = list(batches(engine, open_archive(settings), "p", datetime(2024, 5, 1), NOW))
    assert max(len(one.rows) for one in found) <= 70
    assert sum(len(one.blocks) for one in found) == 15
    assert sum(len(one.singles) for one in found) == 40
    assert sorted(row.id for one in found for row in one.rows) == sorted([*made.ids.texts, *other.ids.texts])
    assert [row.in_block for one in found for row in one.rows].count(False) == 40
    assert sum(len(one.labels) for one in found) == 19  # the newest label stays
    with engine.connect() as connection:
        assert problems_before(connection, datetime(2024, 5, 1), NOW) == ["p"]
        assert problems_before(connection, START, NOW) == []
        assert problems_before(connection, datetime(2024, 5, 1), datetime(2024, 1, 1)) == []
    early = list(batches(engine, open_archive(settings), "p", datetime(2024, 4, 1), NOW))
    assert max(row.moment for one in early for row in one.rows) < datetime(2024, 4, 1)
    engine.dispose()


def test_all_of_a_batch_is_removed_or_nothing(settings: Settings, log: PredictionLog, traffic: Any) -> None:
    made = traffic(60)
    made.log(log, 20)
    made.label(log, range(10))
    engine = open_database(settings.database)
    (batch,) = batches(engine, open_archive(settings), "p", datetime(2024, 5, 1), NOW)
    with engine.begin() as connection:
        assert remove(connection, batch)
        connection.rollback()
    assert log.counts("p") == {"predictions": 60, "labelled": 10}
    with engine.begin() as connection:
        assert remove(connection, batch)
    assert log.counts("p")["predictions"] == 0
    with engine.begin() as connection:
        assert not remove(connection, batch)
    engine.dispose()
