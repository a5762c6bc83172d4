from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.core.settings import Settings
from pipelines.stores.logbook.archive import open_archive, with_archive
from pipelines.stores.logbook.log_sealing import seal_log
from pipelines.stores.logbook.logged_again import logged_again
from pipelines.stores.logbook.prediction_log import PredictionLog, open_log
from pipelines.stores.sql.database import open_database

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL
START = datetime(2024, 3, 1)
NOW = datetime(2100, 1, 1, tzinfo=UTC)
WHOLE = (START, START + timedelta(days=7))


@pytest.fixture
def log(settings: Settings) -> Iterator[PredictionLog]:
    opened = open_log(settings)
    yield opened
    opened.close()


def test_answers_that_are_logged_again_count_once(settings: Settings, log: PredictionLog, traffic: Any) -> None:
    made, other = traffic(60), traffic(20, seed=1)
    made.log(log, None)
    made.label(log, range(30))
    before = log.view("p", made.contract, ["rate"], *WHOLE, NOW, 1_000)
    traffic_before = log.traffic("p", *WHOLE, timedelta(days=1))
    engine = with_archive(open_database(settings.database), open_archive(settings))
    with engine.connect() as connection:
        assert logged_again(connection, "p") == frozenset()
    seal_log(settings, NOW, NOW)
    made.log(log, None, range(20, 50))
    with engine.connect() as connection:
        assert logged_again(connection, "p") == {made.ids.text(row) for row in range(20, 50)}
        assert logged_again(connection, "q") == frozenset()
        assert logged_again(connection, "p", (NOW.replace(tzinfo=None), NOW.replace(tzinfo=None))) == frozenset()
        part = (made.moments[25], made.moments[30])
        assert logged_again(connection, "p", part) >= {made.ids.text(row) for row in range(25, 30)}
    engine.dispose()
    assert log.counts("p") == {"predictions": 60, "labelled": 30}
    assert log.new_labels("p", START, NOW) == 30
    assert log.traffic("p", *WHOLE, timedelta(days=1)) == traffic_before
    assert len(log.window("p", *WHOLE)) == 60
    after = log.view("p", made.contract, ["rate"], *WHOLE, NOW, 1_000)
    assert (after.rows, after.versions, after.counts) == (before.rows, before.versions, before.counts)
    other.log(log, None)
    assert log.counts("p")["predictions"] == 80
    assert seal_log(settings, NOW, NOW).rows == 20
    assert log.counts("p") == {"predictions": 80, "labelled": 30}
