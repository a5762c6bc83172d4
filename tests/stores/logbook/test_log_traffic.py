from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as rules
from hypothesis import strategies as st

from pipelines.stores.logbook import log_traffic
from pipelines.stores.logbook.log_blocks import LogBlock, write_content
from pipelines.stores.logbook.prediction_ids import make_ids
from pipelines.stores.logbook.prediction_log import LoggedPrediction, PredictionLog, new_id

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL

START = datetime(2026, 1, 1)
HOUR = timedelta(hours=1)


def row(at: datetime, version: int = 1) -> LoggedPrediction:
    return LoggedPrediction(new_id(), "p", version, "r", at, at, {"a": 1}, 0.5)


def block(moments: list[datetime], version: int = 1) -> LogBlock:
    inputs = {"t": np.array(moments, dtype="M8[us]")}
    asked = [(START.isoformat(), len(moments))]
    content = write_content(asked, "t", inputs, None, np.zeros(len(moments)), None)
    return LogBlock("p", version, "r", "api", make_ids(len(moments)), min(moments), max(moments), content)


def test_rows_count_where_their_moment_lies(log: PredictionLog) -> None:
    assert log.last_moment("p") is None
    log.append([row(START), row(START + HOUR, 2), row(START + 1.5 * HOUR, 2), row(START - HOUR), row(START + 3 * HOUR)])
    found = log.traffic("p", START, START + 3 * HOUR, HOUR)
    assert found == {START: {1: 1}, START + HOUR: {2: 2}}
    assert log.last_moment("p") == START + 3 * HOUR
    assert log.traffic("q", START, START + 3 * HOUR, HOUR) == {}


def test_blocks_count_row_by_row_where_they_reach_over_an_hour(log: PredictionLog) -> None:
    log.append([block([START + place * HOUR / 2 for place in range(-1, 5)]), block([START, START], 2)])
    found = log.traffic("p", START, START + 2 * HOUR, HOUR)
    assert found == {START: {1: 2, 2: 2}, START + HOUR: {1: 2}}


def test_of_very_many_blocks_each_counts_where_it_begins(log: PredictionLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_traffic, "_MOST", 1)
    log.append([block([START, START + HOUR]), block([START + HOUR, START + 2 * HOUR])])
    assert log.traffic("p", START, START + 2 * HOUR, HOUR) == {START: {1: 2}, START + HOUR: {1: 2}}


@rules(max_examples=20)
@given(minutes=st.lists(st.lists(st.integers(-300, 600), min_size=1, max_size=6), max_size=6))
def test_blocks_and_rows_of_the_same_moments_count_the_same(fresh: Callable[[], str], minutes: list[list[int]]) -> None:
    moments = [[START + timedelta(minutes=one) for one in part] for part in minutes]
    found = []
    for entries in ([row(at) for part in moments for at in part], [block(part) for part in moments]):
        log = PredictionLog(fresh())
        if entries:
            log.append(entries)
        found.append(log.traffic("p", START, START + 5 * HOUR, HOUR))
        log.close()
    assert found[0] == found[1]
