"""The understudy works apart, drops what does not fit, and survives whatever a model does."""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipelines.core.errors import Unavailable
from pipelines.stores.bundles.release_info import ReleaseInfo
from pipelines.stores.trials.trial_log import ShadowPrediction
from services.prediction.trials.shadow import Task, Understudy


class Model:
    """A release that gives the same scores for every row, or fails."""

    def __init__(self, version: int, scores: list[float] | None, gate: threading.Event | None = None) -> None:
        self.info = ReleaseInfo("loans", version, f"run{version}", "", "", "")
        self.contract = SimpleNamespace(time=None, classes=["no", "yes"])
        self.labels = [False, True]
        self._scores, self._gate = scores, gate

    def score(self, columns: Any, times: np.ndarray) -> tuple[np.ndarray, None]:
        if self._gate is not None:
            self._gate.wait(10)
        if self._scores is None:
            raise ZeroDivisionError("broken")
        return np.tile(self._scores, (len(times), 1)), None


class Book:
    """A trial that notes what it is told."""

    def __init__(self, champion: Model, model: Model) -> None:
        self.champion, self.model, self.ended = champion, model, False
        self.seen: list[tuple[Any, ...]] = []
        self.pairs: list[tuple[Any, ...]] = []

    def observe(self, *told: Any) -> None:
        self.seen.append(told)

    def compare(self, *told: Any) -> None:
        self.pairs.append(told)


def task(trial: Any, ids: list[str] | None = None, count: int = 2) -> Task:
    return Task(trial, {}, np.full(count, np.datetime64("2026-01-01", "us")), ids)


def test_rows_are_scored_timed_and_kept() -> None:
    kept: list[ShadowPrediction] = []
    understudy = Understudy(kept.extend)
    trial = Book(Model(1, [0.5, 0.5]), Model(2, [0.3, 0.7]))
    assert understudy.offer(task(trial))
    assert understudy.offer(task(trial, ["a", "b"]))
    understudy.close()
    assert [(one.id, one.version, one.prediction, one.probabilities) for one in kept] == [
        (name, 2, True, {"no": 0.3, "yes": 0.7}) for name in "ab"
    ]
    assert [(arm, rows, failed) for arm, rows, _, failed in trial.seen] == [("challenger", 2, False)]
    assert [pair[0] for pair in trial.pairs][:1] == [2]


def test_a_model_that_fails_is_counted_and_nothing_is_kept() -> None:
    kept: list[ShadowPrediction] = []
    understudy = Understudy(kept.extend)
    trial = Book(Model(1, [0.5, 0.5]), Model(2, None))
    understudy.offer(task(trial, ["a", "b"]))
    understudy.close()
    assert kept == []
    assert [(arm, failed) for arm, _, _, failed in trial.seen] == [("challenger", True)]
    assert trial.pairs == []


def test_what_waits_is_bounded() -> None:
    gate = threading.Event()
    understudy = Understudy(lambda rows: None)
    trial = Book(Model(1, [0.5, 0.5]), Model(2, [0.3, 0.7], gate))
    taken = [understudy.offer(task(trial, ["a", "b"])) for _ in range(1_000)]
    assert 0 < sum(taken) < 300
    assert not understudy.offer(task(trial, ["a"] * 30_000, 30_000))
    gate.set()
    understudy.close()
    assert len(trial.seen) == sum(taken)


def test_a_trial_that_has_ended_costs_nothing_more() -> None:
    understudy = Understudy(lambda rows: None)
    trial = Book(Model(1, None), Model(2, None))
    trial.ended = True
    understudy.offer(task(trial, ["a", "b"]))
    understudy.close()
    assert trial.seen == []


def test_a_database_that_is_away_costs_shadows_alone() -> None:
    def keep(rows: list[ShadowPrediction]) -> None:
        raise Unavailable("away")

    understudy = Understudy(keep)
    understudy.offer(task(Book(Model(1, [0.5, 0.5]), Model(2, [0.3, 0.7])), ["a", "b"]))
    understudy.close()


@pytest.mark.skipif(not hasattr(os, "setpriority"), reason="this system has no priorities")
def test_it_steps_back_behind_the_answers() -> None:
    found: list[int] = []

    class Looking(Model):
        def score(self, columns: Any, times: np.ndarray) -> tuple[np.ndarray, None]:
            found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
            return super().score(columns, times)

    understudy = Understudy(lambda rows: None)
    understudy.offer(task(Book(Model(1, [0.5, 0.5]), Looking(2, [0.3, 0.7])), ["a", "b"]))
    understudy.close()
    assert found[0] > os.getpriority(os.PRIO_PROCESS, 0)
