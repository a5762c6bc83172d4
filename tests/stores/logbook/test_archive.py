"""A stretch is judged alike before and after it was sealed: the same sample, counts and earlier windows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.core.watching.view import View
from pipelines.stores.logbook.archive import archive_url, open_archive, steady, with_archive
from pipelines.stores.logbook.log_memory import LogMemory
from pipelines.stores.logbook.log_sealing import seal_log
from pipelines.stores.logbook.prediction_log import PredictionLog, open_log
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.segment_tables import PENDING, add_pending, list_segments, mark_sealed

START = datetime(2024, 3, 1, tzinfo=UTC)
LATER = START + timedelta(days=60)
NOW = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def log(settings: Settings) -> Iterator[PredictionLog]:
    opened = open_log(settings)
    yield opened
    opened.close()


def view(log: PredictionLog, made: Any, size: int) -> View:
    moments = {"start": START + timedelta(hours=7), "end": START + timedelta(days=6), "as_of": LATER}
    return log.view("p", made.contract, ["rate"], **moments, size=size)


@pytest.mark.parametrize("form", [50, 1, None])
def test_a_view_is_the_same_once_it_is_sealed(settings: Settings, log: PredictionLog, traffic: Any, form: int) -> None:
    made = traffic(300)
    made.log(log, form)
    made.label(log, range(0, 300, 3))
    before = {size: view(log, made, size) for size in (40, 10_000)}
    assert seal_log(settings, NOW, NOW).rows == 300
    for size, one in before.items():
        other = view(log, made, size)
        assert (other.rows, other.versions, other.counts) == (one.rows, one.versions, one.counts)
        pd.testing.assert_frame_equal(other.sample.frame, one.sample.frame)
        for name in ("moments", "scores", "labels"):
            np.testing.assert_array_equal(getattr(other.sample, name), getattr(one.sample, name))


def test_earlier_windows_are_the_same_once_they_are_sealed(
    settings: Settings, log: PredictionLog, traffic: Any, tmp_path: Path
) -> None:
    made = traffic(1_000, days=10.0)
    made.log(log)
    made.label(log, range(0, 1_000, 2))
    memory = LogMemory(tmp_path / "memory", "p", "r", made.side(), 200)
    where = (START + timedelta(days=10), timedelta(days=2), 5, LATER)
    before = log.look_back(memory, *where)
    assert seal_log(settings, NOW, NOW).rows == 1_000
    after = log.look_back(memory, *where)
    assert [one.to_dict() for one in after] == [one.to_dict() for one in before]
    assert len(after) == 5


def test_a_reader_meets_a_sealing(settings: Settings, log: PredictionLog, traffic: Any) -> None:
    made = traffic(100)
    made.log(log)
    engine, seen = with_archive(open_database(settings.database), open_archive(settings)), []
    with engine.connect() as connection:

        def read() -> int:
            seen.append(1)
            if len(seen) == 1:
                seal_log(settings, NOW, NOW)
            return len(seen)

        assert steady(connection, "p", read) == 2  # what was read before is read again
        assert steady(connection, "p", read) == 3


@pytest.mark.parametrize("where", [("q", None), ("p", (datetime(2023, 1, 1), datetime(2024, 1, 1)))])
def test_a_sealing_of_others_makes_nobody_read_again(
    settings: Settings, log: PredictionLog, traffic: Any, where: tuple[str, Any]
) -> None:
    made = traffic(100)
    made.log(log)
    engine = open_database(settings.database)
    with engine.connect() as connection:
        assert steady(connection, where[0], lambda: seal_log(settings, NOW, NOW).rows, where[1]) == 100
    engine.dispose()


def test_what_is_pending_is_not_read(settings: Settings, log: PredictionLog, traffic: Any) -> None:
    made = traffic(10)
    made.log(log)
    assert seal_log(settings, NOW, NOW).segments == 1
    engine = open_database(settings.database)
    with engine.begin() as connection:
        (one,) = list_segments(connection)
        values = {name: getattr(one, name) for name in one.__dataclass_fields__ if name not in ("seq", "path")}
        number = add_pending(connection, {**values, "path": "p/other.parquet", "ids": b"\xff" * 20})
        assert [it.seq for it in list_segments(connection, state=PENDING)] == [number]
    assert len(log.window("p", START, LATER)) == 10
    with engine.begin() as connection:
        assert mark_sealed(connection, number)
        assert not mark_sealed(connection, number)
    engine.dispose()
    with closing(open_log(settings)) as anew, pytest.raises(Unavailable, match=r"other\.parquet is not in"):
        anew.window("p", START, LATER)


def test_where_the_archive_lies(settings: Settings) -> None:
    assert archive_url(settings) == str(settings.home / "archive")
    assert archive_url(settings.model_copy(update={"archive": "s3://log/segments"})) == "s3://log/segments"
