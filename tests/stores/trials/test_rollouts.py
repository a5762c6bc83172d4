"""The last row of a problem counts, and of several that say the same one is heard."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from pipelines.core.errors import Unavailable
from pipelines.core.problem import Rollout
from pipelines.core.settings import Settings
from pipelines.stores.trials.rollouts import RolloutLog, limits_of

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL

AT = datetime(2026, 1, 1, tzinfo=UTC)
CANARY = Rollout(mode="canary", share=0.2, key="city", max_loss=0.3)
SHADOW = Rollout(mode="shadow")


@pytest.fixture
def log(settings: Settings) -> Iterator[RolloutLog]:
    opened = RolloutLog(settings.database)
    yield opened
    opened.close()


def test_what_was_said_last_counts(log: RolloutLog) -> None:
    assert log.current() == {}
    assert log.begin("a", "loans", 2, SHADOW, at=AT, actor="Ada", reason="a look")
    assert log.begin("b", "loans", 3, CANARY, at=AT, actor="Ada", reason="a try", evidence={"n": 1})
    assert log.begin("c", "trips", 1, SHADOW, at=AT, actor="Ada", reason="another")
    found = log.current()
    assert sorted(found) == ["loans", "trips"]
    row = found["loans"]
    assert (row.version, row.mode, row.share, row.key, row.at, row.evidence) == (3, "canary", 0.2, "city", AT, {"n": 1})
    assert row.on
    assert row.rollout == CANARY
    assert row.limits == limits_of(CANARY)
    assert [one.version for one in log.rows("loans")] == [3, 2]


def test_one_word_is_heard_once(log: RolloutLog) -> None:
    assert log.begin("a", "loans", 2, SHADOW, at=AT, actor="Ada", reason="a look")
    assert not log.begin("a", "loans", 2, CANARY, at=AT, actor="Bob", reason="me too")
    trial = log.current()["loans"]
    assert trial.actor == "Ada"
    said = [log.end(trial, "aborted", at=AT, actor="guard", reason="errors") for _ in range(3)]
    assert said == [True, False, False]
    assert not log.current()["loans"].on


def test_the_end_of_one_trial_does_not_end_the_next(log: RolloutLog) -> None:
    log.begin("a", "loans", 2, SHADOW, at=AT, actor="Ada", reason="a look")
    first = log.current()["loans"]
    log.begin("b", "loans", 2, CANARY, at=AT, actor="Ada", reason="again")
    assert not log.end(first, "aborted", at=AT, actor="guard", reason="late")
    assert log.current()["loans"].mode == "canary"


def test_many_processes_end_a_trial_once(log: RolloutLog, settings: Settings) -> None:
    log.begin("a", "loans", 2, SHADOW, at=AT, actor="Ada", reason="a look")
    trial, said = log.current()["loans"], []

    def end() -> None:
        own = RolloutLog(settings.database)
        said.append(own.end(trial, "aborted", at=AT, actor="guard", reason="errors"))
        own.close()

    threads = [threading.Thread(target=end) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == [False] * 7 + [True]
    assert [one.mode for one in log.rows("loans")] == ["aborted", "shadow"]


def test_a_database_that_is_damaged_is_told(log: RolloutLog) -> None:
    with log._engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE rollouts")
    with pytest.raises(Unavailable, match="does not answer"):
        log.current()
