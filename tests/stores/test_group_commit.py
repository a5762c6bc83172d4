"""What is acknowledged is committed; one caller's failure is its own."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.core.errors import Unavailable
from pipelines.stores.group_commit import GroupCommit
from pipelines.stores.logbook.prediction_ids import PredictionIds
from pipelines.stores.prediction_log import LoggedPrediction, PredictionLog, new_id


def entry(name: str | None = None) -> LoggedPrediction:
    at = datetime(2013, 3, 1, tzinfo=UTC)
    return LoggedPrediction(name or new_id(), "flights", 1, "r1", at, None, {"a": 1.0}, 2.5)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PredictionLog]:
    opened = PredictionLog(f"sqlite:///{tmp_path / 'log.db'}")
    yield opened
    opened.close()


def test_rows_are_there_when_the_future_is_done(log: PredictionLog) -> None:
    writer = GroupCommit(log)
    one = entry()
    writer.submit([one]).result(timeout=10)
    assert log.get(one.id).prediction == 2.5
    writer.close()


def test_many_waiting_callers_share_commits(log: PredictionLog) -> None:
    writer, told = GroupCommit(log), []
    for _ in range(500):
        writer.hand_over([entry(), entry()], told.append)
    writer.close()
    assert told == [None] * 500
    assert log.counts("flights")["predictions"] == 1000
    assert writer.commits < 100
    assert writer.lag > 0


def test_a_bad_row_fails_its_own_caller_only(log: PredictionLog) -> None:
    taken = entry()
    log.append([taken])
    writer = GroupCommit(log)
    futures = [writer.submit([entry()]), writer.submit([taken]), writer.submit([entry()])]
    writer.close()
    assert [future.exception() is None for future in futures] == [True, False, True]
    assert isinstance(futures[1].exception(), Unavailable)
    assert log.counts("flights")["predictions"] == 3


def test_rows_that_are_no_json_do_not_end_the_writer(log: PredictionLog) -> None:
    writer = GroupCommit(log)
    bad = LoggedPrediction("x", "flights", 1, "r", datetime(2013, 1, 1), None, {"a": object()}, 1)
    with pytest.raises(TypeError):
        writer.submit([bad]).result(timeout=10)
    writer.submit([entry()]).result(timeout=10)
    writer.close()


def test_closing_keeps_what_was_submitted_and_takes_no_more(log: PredictionLog) -> None:
    writer = GroupCommit(log)
    futures = [writer.submit([entry()]) for _ in range(200)]
    writer.close()
    writer.close()
    assert all(future.done() for future in futures)
    assert log.counts("flights")["predictions"] == 200
    with pytest.raises(Unavailable, match="closed"):
        writer.submit([entry()])


PROGRAM = """
import sys
from datetime import datetime
from pipelines.stores.group_commit import GroupCommit
from pipelines.stores.logbook.log_blocks import LogBlock
from pipelines.stores.logbook.prediction_ids import make_ids
from pipelines.stores.prediction_log import LoggedPrediction, PredictionLog, new_id
writer = GroupCommit(PredictionLog(sys.argv[1]))
at = datetime(2013, 1, 1)
while True:
    rows = [LoggedPrediction(new_id(), "flights", 1, "r", at, None, {}, 1) for _ in range(10)]
    blocks = [LogBlock("flights", 1, "r", "api", make_ids(1), at, at, b"x" * 30_000) for _ in range(10)]
    futures = [writer.submit([one]) for one in [*rows, *blocks]]
    for name, future in zip([row.id for row in rows] + [block.ids.texts[0] for block in blocks], futures):
        future.result()
        print(name, flush=True)
"""


@pytest.mark.faults
def test_a_kill_loses_nothing_acknowledged(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = [process.stdout.readline().strip() for _ in range(1_500)]  # beyond a few takings-over
    process.kill()
    acknowledged += [line.strip() for line in process.stdout if len(line) == 37]
    process.wait()
    process.stdout.close()
    with sqlite3.connect(tmp_path / "log.db") as connection:
        kept = {row[0] for row in connection.execute("SELECT id FROM predictions")}
        kept |= {PredictionIds(ids).text(0) for (ids,) in connection.execute("SELECT ids FROM prediction_blocks")}
    connection.close()
    assert set(acknowledged) <= kept
