"""The log keeps every answer and every label, whatever their order."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import NotFound, Unavailable
from pipelines.stores.logbook.log_blocks import LogBlock, write_content
from pipelines.stores.logbook.log_entries import as_utc
from pipelines.stores.logbook.prediction_ids import PredictionIds, raw_id
from pipelines.stores.logbook.prediction_log import Entry, LoggedPrediction, PredictionLog, new_id

NOON = datetime(2013, 3, 1, 12, tzinfo=UTC)


def entry(at: datetime = NOON, problem: str = "flights", **changes: Any) -> LoggedPrediction:
    values: dict[str, Any] = {
        "id": new_id(),
        "problem": problem,
        "version": 3,
        "run_id": "r1",
        "at": at,
        "time": None,
        "inputs": {"carrier": "UA", "distance": float("nan")},
        "prediction": True,
        "probabilities": {"false": 0.25, "true": 0.75},
    }
    return LoggedPrediction(**values | changes)


def block_of(one: LoggedPrediction) -> LogBlock:
    """One answer as a block of its own."""
    at, time = as_utc(one.at), None if one.time is None else as_utc(one.time)
    inputs = {name: [value] for name, value in one.inputs.items()}
    if time is not None:
        inputs["asked_at"] = np.array([time], dtype="M8[us]")  # type: ignore[assignment]
    history = None if one.history is None else {name: np.array([value]) for name, value in one.history.items()}
    odds = dict(one.probabilities or {})
    scores, classes = np.array([list(odds.values())]), (list(odds), [name == "true" for name in odds])
    asked = [(at.isoformat(), 1)]
    content = write_content(asked, None if time is None else "asked_at", inputs, history, scores, classes)
    ids, moment = PredictionIds(raw_id(one.id) or b""), time or at
    return LogBlock(one.problem, one.version, one.run_id, one.source, ids, moment, moment, content)


def boolean(label: Any) -> bool:
    if not isinstance(label, bool):
        raise ValueError("must be true or false")
    return label


class InBlocks(PredictionLog):
    """A log to which everything comes as the service brings it: in blocks."""

    def append(self, entries: Sequence[Entry]) -> None:
        super().append([block_of(one) if isinstance(one, LoggedPrediction) else one for one in entries])


@pytest.fixture(params=[PredictionLog, InBlocks])
def log(request: pytest.FixtureRequest, database: str) -> Iterator[PredictionLog]:
    opened: PredictionLog = request.param(database)
    yield opened
    opened.close()


def test_an_answer_is_found_by_its_id_as_it_was_given(log: PredictionLog) -> None:
    given_one = entry(time=NOON - timedelta(days=1), history={"late_7d": 0.5})
    log.append([given_one])
    found = log.get(given_one.id)
    assert found.inputs.items() >= {"carrier": "UA", "distance": None}.items()
    assert (found.prediction, found.probabilities, found.history) == (
        True,
        {"false": 0.25, "true": 0.75},
        {"late_7d": 0.5},
    )
    assert (found.at, found.time) == (datetime(2013, 3, 1, 12), datetime(2013, 2, 28, 12))
    with pytest.raises(NotFound, match="holds no prediction"):
        log.get("absent")


def test_a_window_takes_its_start_and_leaves_its_end(log: PredictionLog) -> None:
    hours = [entry(NOON + timedelta(hours=hour)) for hour in range(4)]
    other = entry(NOON + timedelta(hours=1), problem="houses")
    log.append([*reversed(hours), other])
    frame = log.window("flights", NOON + timedelta(hours=1), NOON + timedelta(hours=3))
    assert frame["id"].tolist() == [hours[1].id, hours[2].id]
    assert frame["label"].tolist() == [None, None]
    assert frame["known_at"].isna().all()
    assert log.window("houses", NOON + timedelta(days=9), NOON + timedelta(days=10)).empty


def test_a_row_belongs_to_the_moment_it_speaks_of(log: PredictionLog) -> None:
    log.append([entry(NOON + timedelta(days=30), time=NOON)])
    frame = log.window("flights", NOON, NOON + timedelta(hours=1))
    assert frame["moment"].tolist() == [datetime(2013, 3, 1, 12)]
    assert log.last_moment("flights") == datetime(2013, 3, 1, 12)
    assert log.last_moment("houses") is None


def test_labels_come_in_any_order_and_the_last_received_counts(log: PredictionLog) -> None:
    one, two, other = entry(), entry(NOON + timedelta(minutes=1)), entry(problem="houses")
    log.append([one, two, other])
    items = [
        {"id": two.id, "label": True, "known_at": NOON + timedelta(hours=3)},
        {"id": "absent", "label": True},
        {"id": one.id, "label": "perhaps"},
        {"id": other.id, "label": True},
        {"id": one.id, "label": True},
    ]
    receipt = log.add_labels("flights", items, NOON + timedelta(hours=4), boolean)
    assert receipt.accepted == [two.id, one.id]
    assert [(r.position, r.reason) for r in receipt.rejected] == [
        (1, "no prediction of flights has this id"),
        (2, "must be true or false"),
        (3, "no prediction of flights has this id"),
    ]
    log.add_labels("flights", [{"id": one.id, "label": False}], NOON + timedelta(hours=5), boolean)
    frame = log.window("flights", NOON, NOON + timedelta(days=1))
    assert frame["label"].tolist() == [False, True]
    assert [label.label for label in log.labels(one.id)] == [True, False]
    assert log.counts("flights") == {"predictions": 2, "labelled": 2}


def test_only_labels_known_by_then_count(log: PredictionLog) -> None:
    one = entry()
    log.append([one])
    for hour, label in ((1, True), (5, False)):
        known = {"id": one.id, "label": label, "known_at": NOON + timedelta(hours=hour)}
        log.add_labels("flights", [known], NOON + timedelta(days=9), boolean)

    def seen(hour: int) -> Any:
        frame = log.window("flights", NOON, NOON + timedelta(days=1), labels_as_of=NOON + timedelta(hours=hour))
        return frame["label"][0]

    assert [seen(0), seen(1), seen(4), seen(5)] == [None, True, True, False]
    assert log.new_labels("flights", NOON, NOON + timedelta(hours=2)) == 1
    assert log.new_labels("flights", NOON + timedelta(hours=1), NOON + timedelta(hours=2)) == 0


def test_a_batch_is_kept_in_full_or_not_at_all(database: str) -> None:
    log = PredictionLog(database)
    kept = entry()
    log.append([kept])
    with pytest.raises(Unavailable, match="takes no rows"):
        log.append([block_of(entry()), entry(), kept])
    assert log.counts("flights") == {"predictions": 1, "labelled": 0}
    log.close()


def test_rows_and_blocks_are_one_log(database: str) -> None:
    log = PredictionLog(database)
    entries = [entry(NOON + timedelta(hours=hour)) for hour in range(6)]
    log.append([one if hour % 2 else block_of(one) for hour, one in enumerate(entries)])
    items = [{"id": one.id, "label": True} for one in entries[1:]]
    assert log.add_labels("flights", items, NOON, boolean).accepted == [one.id for one in entries[1:]]
    frame = log.window("flights", NOON, NOON + timedelta(hours=5))
    assert frame["id"].tolist() == [one.id for one in entries[:5]]
    assert frame["label"].tolist() == [None, True, True, True, True]
    assert log.counts("flights") == {"predictions": 6, "labelled": 5}
    assert log.new_labels("flights", NOON - timedelta(hours=1), NOON) == 5
    assert log.last_moment("flights") == datetime(2013, 3, 1, 17)
    log.close()


def test_a_log_of_an_earlier_version_is_read_on(tmp_path: Path) -> None:
    url, old = f"sqlite:///{tmp_path / 'log.db'}", entry()
    log = PredictionLog(url)
    log.append([old])
    log.close()
    with closing(sqlite3.connect(tmp_path / "log.db")) as database:
        database.execute("DROP TABLE prediction_blocks")
        database.execute("DROP TABLE ratchet_schema")
    log = PredictionLog(url)
    fresh = entry(NOON + timedelta(minutes=1))
    log.append([block_of(fresh)])
    assert log.window("flights", NOON, NOON + timedelta(hours=1))["id"].tolist() == [old.id, fresh.id]
    log.close()


def test_many_writers_lose_nothing(database: str) -> None:
    url = database

    def write() -> None:
        mine = PredictionLog(url)  # its own connection, as another process has
        for _ in range(10):
            mine.append([entry() for _ in range(5)])
        mine.close()

    writers = [Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    log = PredictionLog(url)
    assert log.counts("flights")["predictions"] == 200
    log.close()


def test_a_database_that_does_not_open_is_named(tmp_path: Path) -> None:
    (tmp_path / "log.db").mkdir()
    with pytest.raises(Unavailable, match="does not answer"):
        PredictionLog(f"sqlite:///{tmp_path / 'log.db'}")


@given(label=st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), st.lists, max_leaves=5))
def test_any_json_label_comes_back(fresh: Callable[[], str], label: Any) -> None:
    log = PredictionLog(fresh())
    one = entry()
    log.append([one])
    log.add_labels("flights", [{"id": one.id, "label": label}], NOON, lambda value: value)
    assert log.window("flights", NOON, NOON + timedelta(hours=1))["label"].tolist() == [label]
    log.close()
