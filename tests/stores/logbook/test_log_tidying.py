"""The write-ahead log stays small under a steady stream, without a checkpoint inside the commits."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from pathlib import Path

import pytest

from pipelines.stores.logbook import log_tidying
from pipelines.stores.logbook.log_blocks import LogBlock
from pipelines.stores.logbook.prediction_ids import make_ids
from pipelines.stores.logbook.prediction_log import PredictionLog

AT = datetime(2024, 1, 1)
PAGES, SOON, AT_LAST = 50, 1_000, 8_000


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sooner than in earnest, where these tests would write a gigabyte."""
    monkeypatch.setattr(log_tidying, "SOON", SOON)
    monkeypatch.setattr(log_tidying, "AT_LAST", AT_LAST)


def block() -> LogBlock:
    return LogBlock("p", 1, "r", "api", make_ids(1), AT, AT, b"x" * 4_096 * PAGES)


def test_a_stream_that_is_tidied_keeps_the_log_short(tmp_path: Path) -> None:
    log = PredictionLog(f"sqlite:///{tmp_path / 'log.db'}")
    for _ in range(4 * SOON // PAGES):
        log.append([block()])
        log.tidy()
        time.sleep(0.01)  # the thread needs a turn
    assert (tmp_path / "log.db-wal").stat().st_size < 3 * SOON * 4_096
    assert log.counts("p")["predictions"] == 4 * SOON // PAGES
    log.close()


def test_closing_while_it_takes_over_ends_it(tmp_path: Path) -> None:
    for _ in range(20):
        log = PredictionLog(f"sqlite:///{tmp_path / 'log.db'}")
        for _ in range(SOON // PAGES + 1):
            log.append([block()])
        log.tidy()
        log.close()
    assert not [one for one in threading.enumerate() if one.name == "log-tidying"]


def test_what_nobody_tidies_is_bounded_all_the_same(tmp_path: Path) -> None:
    log = PredictionLog(f"sqlite:///{tmp_path / 'log.db'}")
    for _ in range(2 * AT_LAST // PAGES):
        log.append([block()])
    assert (tmp_path / "log.db-wal").stat().st_size < 1.5 * AT_LAST * 4_096
    log.close()
