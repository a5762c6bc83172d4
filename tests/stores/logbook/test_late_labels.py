from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.core.settings import Settings
from pipelines.stores.logbook import late_labels
from pipelines.stores.logbook.archive import open_archive
from pipelines.stores.logbook.late_labels import late_batches
from pipelines.stores.logbook.log_sealing import seal_log
from pipelines.stores.logbook.prediction_log import PredictionLog, open_log
from pipelines.stores.sql.database import open_database

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL
LATER = datetime(2024, 9, 1)


@pytest.fixture
def log(settings: Settings) -> Iterator[PredictionLog]:
    opened = open_log(settings)
    yield opened
    opened.close()


@pytest.mark.parametrize("size", [5, 1_000])
def test_labels_of_sealed_answers_come_in_batches(
    settings: Settings, log: PredictionLog, traffic: Any, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    made, young = traffic(60), traffic(20, seed=1)
    made.log(log)
    made.label(log, range(10))
    seal_log(settings, datetime(2100, 1, 1, tzinfo=UTC), LATER)
    young.log(log)
    made.label(log, range(5, 30), LATER)
    young.label(log, range(20), LATER)
    made.label(log, [59], LATER + timedelta(days=40))  # the newest of all stays
    monkeypatch.setattr(late_labels, "_READ", 7)
    monkeypatch.setattr(late_labels, "ROWS", size)
    engine, archive = open_database(settings.database), open_archive(settings)
    found = list(late_batches(engine, archive, LATER + timedelta(days=1)))
    ids = [row.id for one in found for row in one.rows]
    assert sorted(ids) == sorted(made.ids.text(row) for row in (9, *range(5, 30)))  # 9: the newest when it was sealed
    assert len(found) == 1 if size == 1_000 else len(found) > 2
    assert set().union(*(one.bare for one in found)) == {made.ids.text(row) for row in range(9, 30)}
    assert {row.moment for one in found for row in one.rows} <= set(made.moments.tolist())
    assert len(found[0].removed().labels) == len(found[0].rows)
    assert [len(one.rows) for one in late_batches(engine, archive, LATER)] == [1]
    assert list(late_batches(engine, archive, LATER + timedelta(days=1), "other")) == []
    engine.dispose()
