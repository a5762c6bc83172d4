"""Rows that arrive together are answered together, by the release they were checked by, and fail alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.core.errors import Unavailable
from pipelines.core.problem import Problem
from pipelines.core.schema import Column, Contract
from pipelines.stores.bundles.release_info import ReleaseInfo
from pipelines.stores.logbook.group_commit import GroupCommit
from pipelines.stores.logbook.prediction_log import PredictionLog
from services.prediction import batching
from services.prediction.answers import Answers
from services.prediction.batching import Scorer
from services.prediction.live_model import LiveModel
from services.prediction.refusals import Refusal

NOW = datetime(2024, 1, 5, 12, tzinfo=UTC)
CONTRACT = Contract(problem="p", task="regression", target="y", columns=(Column(name="x", kind="numeric"),))
PROBLEM = Problem.model_validate({"name": "p", "task": "regression", "data": {"source": "t.csv", "target": "y"}})


@dataclass(frozen=True, eq=False)
class Echo(LiveModel):
    """A release that answers with the row's value, once it is let go."""

    sizes: list[int] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)
    began: threading.Event = field(default_factory=threading.Event)
    watch: list[Callable[[], None]] = field(default_factory=list)

    def score(self, columns: Any, times: np.ndarray) -> Any:
        self.began.set()
        assert self.go.wait(10)
        self.sizes.append(len(times))
        for told in self.watch:
            told()
        if -1.0 in columns["x"]:
            raise ValueError("cannot")
        return np.array(columns["x"], dtype=float), None


def echo(version: int = 1, compiled: bool = False) -> Echo:
    info = ReleaseInfo("p", version, f"run{version}", "", "", "")
    model = Echo(info, CONTRACT, PROBLEM, {}, compiled=object() if compiled else None)  # type: ignore[arg-type]
    model.go.set()
    return model


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PredictionLog]:
    opened = PredictionLog(f"sqlite:///{tmp_path / 'log.db'}")
    yield opened
    opened.close()


@pytest.fixture
def start(log: PredictionLog) -> Iterator[Callable[..., Scorer]]:
    running: list[tuple[Scorer, GroupCommit]] = []

    def begin(**options: Any) -> Scorer:
        writer = GroupCommit(log)
        scorer = Scorer(writer, **options)
        running.append((scorer, writer))
        return scorer

    yield begin
    for scorer, writer in running:
        scorer.close()
        writer.close()


async def ask(scorer: Scorer, model: LiveModel, *values: float) -> Answers:
    answers, _ = await scorer.answer(model, {"x": [float(value) for value in values]}, len(values), NOW)
    return answers


def test_what_queues_meanwhile_is_scored_together_and_in_order(start: Any, log: PredictionLog) -> None:
    scorer, model = start(), echo()

    async def run() -> list[Answers]:
        model.go.clear()
        first = asyncio.ensure_future(ask(scorer, model, 0))
        await asyncio.to_thread(model.began.wait, 10)
        others = [asyncio.ensure_future(ask(scorer, model, number, 100 + number)) for number in range(1, 20)]
        await asyncio.sleep(0.01)
        assert scorer.queued == 19
        model.go.set()
        return await asyncio.gather(first, *others)

    answered = asyncio.run(run())
    assert model.sizes == [1, 38]
    assert [one.predictions() for one in answered] == [[0.0], *([float(n), 100.0 + n] for n in range(1, 20))]
    assert all(log.get(name).prediction is not None for one in answered for name in one.ids)


def test_a_compiled_release_is_scored_on_the_loop_in_one_batch(start: Any, log: PredictionLog) -> None:
    scorer, model = start(), echo(compiled=True)

    async def run() -> list[Answers]:
        return await asyncio.gather(*(ask(scorer, model, number) for number in range(50)))

    answered = asyncio.run(run())
    assert model.sizes == [50]
    assert [log.get(one.ids[0]).prediction for one in answered] == [float(number) for number in range(50)]


def test_many_quick_rows_are_scored_on_the_loop_while_nobody_else_waits(start: Any, monkeypatch: Any) -> None:
    """The first ones go to the thread, which finds out how quick they are."""
    scorer, model = start(), echo(compiled=True)
    clock, takes, threads = [0.0], [0.0], list[str]()
    monkeypatch.setattr(batching, "perf_counter", lambda: clock[0])

    def score() -> None:
        threads.append(threading.current_thread().name)
        clock[0] += takes[0]

    model.watch.append(score)

    async def ask(times: int = 1) -> None:
        await asyncio.gather(*(scorer.answer(model, {"x": np.arange(200.0)}, 200, NOW) for _ in range(times)))

    for takes[0] in (0.001, 0.001, 0.2, 0.2):
        asyncio.run(ask())
    assert threads == ["scorer", "MainThread", "MainThread", "scorer"]
    takes[0] = 0.001
    asyncio.run(ask())
    del threads[:]
    asyncio.run(ask(2))
    assert sorted(threads) == ["MainThread", "scorer"]  # the second one has company


def test_what_comes_during_a_commit_is_the_next_batch(start: Any, log: PredictionLog, monkeypatch: Any) -> None:
    scorer, model, gate = start(), echo(compiled=True), threading.Event()
    append = log.append

    def slow(rows: Any) -> None:
        assert gate.wait(10)
        append(rows)

    monkeypatch.setattr(log, "append", slow)

    async def run() -> None:
        first = asyncio.ensure_future(ask(scorer, model, 0))
        await asyncio.sleep(0.02)
        others = []
        for number in range(1, 10):
            others.append(asyncio.ensure_future(ask(scorer, model, number)))
            await asyncio.sleep(0.002)
        gate.set()
        await asyncio.gather(first, *others)

    asyncio.run(run())
    assert model.sizes == [1, 9]


def test_each_release_scores_its_own_rows(start: Any) -> None:
    for compiled in (False, True):
        scorer, models = start(), [echo(1, compiled), echo(2, compiled)]

        async def run(scorer: Scorer = scorer, models: list[Echo] = models) -> list[Answers]:
            return await asyncio.gather(*(ask(scorer, models[number % 2], number) for number in range(50)))

        answered = asyncio.run(run())
        assert [(one.model.info.version, one.predictions()[0]) for one in answered] == [
            (1 + number % 2, float(number)) for number in range(50)
        ]


@pytest.mark.parametrize("compiled", [False, True])
def test_rows_that_cannot_be_scored_fail_alone(start: Any, compiled: bool) -> None:
    scorer, model = start(), echo(compiled=compiled)

    async def run() -> list[Any]:
        return await asyncio.gather(*(ask(scorer, model, value) for value in (1, -1, 3, 4)), return_exceptions=True)

    assert [isinstance(one, ValueError) for one in asyncio.run(run())] == [False, True, False, False]


def test_rows_that_the_log_refuses_fail_alone(start: Any, log: PredictionLog, monkeypatch: Any) -> None:
    scorer, model = start(), echo(compiled=True)
    append = log.append

    def picky(rows: Any) -> None:
        if any(b'"x":[7.0' in row.content or b",7.0" in row.content for row in rows):
            raise Unavailable("not this one")
        append(rows)

    monkeypatch.setattr(log, "append", picky)

    async def run() -> list[Any]:
        return await asyncio.gather(*(ask(scorer, model, value) for value in (6, 7, 8)), return_exceptions=True)

    assert [isinstance(one, Unavailable) for one in asyncio.run(run())] == [False, True, False]


@pytest.mark.parametrize("compiled", [False, True])
def test_who_waits_for_too_long_is_told_and_the_rows_are_kept(start: Any, log: PredictionLog, compiled: bool) -> None:
    scorer, model = start(seconds=0.2), echo()
    model.go.clear()

    async def run() -> None:
        with pytest.raises(Refusal, match=r"within 0\.2 seconds"):
            await ask(scorer, model, 5)
        model.go.set()
        while log.counts("p")["predictions"] < 1:
            await asyncio.sleep(0.01)

    asyncio.run(run())


def test_a_closed_scorer_takes_no_more(start: Any) -> None:
    scorer = start()
    scorer.close()
    with pytest.raises(Unavailable, match="stopping"):
        asyncio.run(ask(scorer, echo(), 1))


def test_the_size_of_batches_is_told(start: Any) -> None:
    seen: list[int] = []
    asyncio.run(ask(start(observe=seen.append), echo(), 1, 2, 3))
    assert seen == [3]
