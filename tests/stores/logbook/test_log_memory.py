"""Earlier windows are remembered by their answers; their labels are always those known now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.watching.observed import Observed, observe
from pipelines.core.watching.release_side import ReleaseSide
from pipelines.stores.logbook import log_memory
from pipelines.stores.logbook.log_memory import LogMemory
from pipelines.stores.logbook.prediction_log import PredictionLog

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL

START = datetime(2024, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
LATER = START + timedelta(days=60)


def memory(folder: Path, side: ReleaseSide, run_id: str = "r", size: int = 1_000) -> LogMemory:
    return LogMemory(folder / "windows", "p", run_id, side, size)


def look(log: PredictionLog, kept: LogMemory, as_of: datetime = LATER, windows: int = 9) -> list[Observed]:
    return log.look_back(kept, START + 7 * DAY, DAY, windows, as_of)


def test_what_is_remembered_is_what_a_fresh_look_sees(log: PredictionLog, traffic: Any, tmp_path: Path) -> None:
    made = traffic(700)
    made.log(log, 50)
    made.label(log, range(0, 700, 2))
    side = made.side()
    found = look(log, memory(tmp_path, side))
    assert [one.start for one in found] == [START + day * DAY for day in range(7)]
    for one in found:
        view = log.view("p", made.contract, ["rate"], one.start, one.end, LATER, 1_000)
        assert one == observe(side, view)
    assert look(log, memory(tmp_path, side)) == found
    assert sum(one.labels for one in found) == 350


def test_a_second_look_reads_no_answers_and_all_labels(
    log: PredictionLog, traffic: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = traffic(300)
    made.log(log, 50)
    side = made.side()
    assert sum(one.labels for one in look(log, memory(tmp_path, side))) == 0
    made.label(log, range(100), START + 9 * DAY)
    made.label(log, range(100, 200), START + 20 * DAY)
    monkeypatch.setattr(log_memory, "read_answered", None)
    assert [sum(one.labels for one in look(log, memory(tmp_path, side), START + day * DAY)) for day in (8, 9, 30)] == [
        0,
        100,
        200,
    ]


def test_answers_that_come_later_are_seen(log: PredictionLog, traffic: Any, tmp_path: Path) -> None:
    first, more = traffic(100), traffic(60, seed=5)
    side = first.side()
    first.log(log, 50)
    assert sum(one.rows for one in look(log, memory(tmp_path, side))) == 100
    more.log(log, 20)
    assert sum(one.rows for one in look(log, memory(tmp_path, side))) == 160
    traffic(7, seed=6).log(log, None)
    assert sum(one.rows for one in look(log, memory(tmp_path, side))) == 167


def test_other_releases_have_memories_of_their_own(log: PredictionLog, traffic: Any, tmp_path: Path) -> None:
    old, new = traffic(100), traffic(50, days=3.0, seed=2, version=2)
    old.log(log, 50)
    new.log(log, 50)
    mine, theirs = (look(log, memory(tmp_path, one.side())) for one in (old, new))
    assert (sum(one.mine for one in mine), sum(one.mine for one in theirs)) == (100, 50)
    assert [one.version for one in theirs] == [2, 2, 2]
    assert len(look(log, memory(tmp_path, old.side()), windows=2)) == 2
    traffic(20, days=5.0, seed=3, version=3).log(log, None)  # single rows are looked at to know whose they are
    assert len(look(log, memory(tmp_path, new.side()))) == 3


def test_a_damaged_file_is_made_again(log: PredictionLog, traffic: Any, tmp_path: Path) -> None:
    made = traffic(100)
    made.log(log, 50)
    side = made.side()
    found = look(log, memory(tmp_path, side))
    for number, path in enumerate(sorted((tmp_path / "windows").glob("*.npz"))):
        path.write_bytes(path.read_bytes()[: 10 * number])
    assert look(log, memory(tmp_path, side)) == found


def test_only_so_many_files_are_kept(
    log: PredictionLog, traffic: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_memory, "_MOST_FILES", 4)
    made = traffic(100)
    made.log(log, 50)
    assert len(look(log, memory(tmp_path, made.side()))) == 7
    assert len(list((tmp_path / "windows").glob("*.npz"))) == 4
