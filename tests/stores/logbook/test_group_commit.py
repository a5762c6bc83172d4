"""What is acknowledged is committed; one caller's failure is its own."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from pipelines.core.errors import Unavailable
from pipelines.stores.logbook.group_commit import GroupCommit
from pipelines.stores.logbook.prediction_ids import PredictionIds
from pipelines.stores.logbook.prediction_log import LoggedPrediction, PredictionLog, new_id
from pipelines.stores.sql.database import open_database


def entry(name: str | None = None) -> LoggedPrediction:
    at = datetime(2013, 3, 1, tzinfo=UTC)
    return LoggedPrediction(name or new_id(), "flights", 1, "r1", at, None, {"a": 1.0}, 2.5)


@pytest.fixture
def log(database: str) -> Iterator[PredictionLog]:
    opened = PredictionLog(database)
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
import threading
import time
from datetime import datetime
from pipelines.stores.sql.database import open_database
from pipelines.stores.logbook.group_commit import GroupCommit
from pipelines.stores.logbook.log_blocks import LogBlock
from pipelines.stores.logbook.prediction_ids import make_ids
from pipelines.stores.logbook.prediction_log import LoggedPrediction, PredictionLog, new_id
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
def test_a_kill_loses_nothing_acknowledged(database: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, database], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = [process.stdout.readline().strip() for _ in range(1_500)]  # beyond a few takings-over
    process.kill()
    acknowledged += [line.strip() for line in process.stdout if len(line) == 37]
    process.wait()
    process.stdout.close()
    engine = open_database(database)
    with engine.connect() as connection:
        kept = {row[0] for row in connection.exec_driver_sql("SELECT id FROM predictions")}
        blocks = connection.exec_driver_sql("SELECT ids FROM prediction_blocks")
        kept |= {PredictionIds(bytes(ids)).text(0) for (ids,) in blocks}
    engine.dispose()
    assert set(acknowledged) <= kept


def test_lag_tells_of_rows_that_still_wait_and_forgets_old_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    log, waited = _Held(), []
    writer = GroupCommit(log, waited.append)  # type: ignore[arg-type]
    assert writer.lag == 0
    future = writer.submit([entry()])
    assert log.begun.wait(10)
    time.sleep(0.05)
    assert writer.lag >= 0.05  # the commit is under way and nobody knows how long it will take
    log.go_on.set()
    future.result(timeout=10)
    assert writer.lag == waited[0] >= 0.05
    monkeypatch.setattr("pipelines.stores.logbook.group_commit._LATELY", 0.0)
    assert writer.lag == 0
    writer.close()


class _Held:
    """A log whose commit takes as long as a test wants."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def append(self, _entries: object) -> None:
        self.begun.set()
        assert self.go_on.wait(10)

    def tidy(self) -> None:
        """Nothing to do."""
