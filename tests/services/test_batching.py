"""Rows that queue are scored together, by the release they were checked by, and fail alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pipelines.core.errors import Unavailable
from services.prediction.batching import Scorer
from services.prediction.live_model import Answered

TIMES = np.array(["2024-01-01"], dtype="datetime64[us]")


class Echo:
    """A release that answers with its name and the row's value, once it is let go."""

    def __init__(self, name: str) -> None:
        self.name, self.sizes, self.go, self.began = name, [], threading.Event(), threading.Event()
        self.go.set()

    def answer(self, columns: Any, times: np.ndarray) -> Answered:
        self.began.set()
        assert self.go.wait(10)
        self.sizes.append(len(times))
        if "bad" in columns["x"]:
            raise ValueError("cannot")
        return Answered([{"prediction": (self.name, value)} for value in columns["x"]], [{"h": 1.0}] * len(times))


@pytest.fixture
def scorer() -> Iterator[Scorer]:
    opened = Scorer()
    yield opened
    opened.close()


def ask(scorer: Scorer, model: Any, *values: Any) -> Any:
    return scorer.score(model, {"x": list(values)}, np.repeat(TIMES, len(values)))


def test_what_queues_meanwhile_is_scored_together_and_in_order(scorer: Scorer) -> None:
    async def run() -> tuple[list[Answered], Echo]:
        model = Echo("one")
        model.go.clear()
        first = asyncio.ensure_future(ask(scorer, model, 0))
        await asyncio.to_thread(model.began.wait, 10)
        others = [asyncio.ensure_future(ask(scorer, model, number, -number)) for number in range(1, 20)]
        await asyncio.sleep(0.01)
        assert scorer.queued == 19
        model.go.set()
        return await asyncio.gather(first, *others), model

    answered, model = asyncio.run(run())
    assert model.sizes == [1, 38]
    assert [one.answers[0]["prediction"][1] for one in answered] == list(range(20))
    assert [len(one.history or []) for one in answered] == [1] + [2] * 19


def test_each_release_scores_its_own_rows(scorer: Scorer) -> None:
    async def run() -> list[Answered]:
        models = [Echo("old"), Echo("new")]
        return await asyncio.gather(*(ask(scorer, models[number % 2], number) for number in range(50)))

    answered = asyncio.run(run())
    assert [one.answers[0]["prediction"] for one in answered] == [
        (("old", "new")[number % 2], number) for number in range(50)
    ]


def test_rows_that_cannot_be_scored_fail_alone(scorer: Scorer) -> None:
    async def run() -> list[Any]:
        model = Echo("one")
        values = [1, "bad", 3, 4]
        return await asyncio.gather(*(ask(scorer, model, value) for value in values), return_exceptions=True)

    answered = asyncio.run(run())
    assert [isinstance(one, ValueError) for one in answered] == [False, True, False, False]


def test_a_closed_scorer_takes_no_more() -> None:
    scorer = Scorer()
    scorer.close()
    with pytest.raises(Unavailable, match="stopping"):
        asyncio.run(ask(scorer, Echo("one"), 1))


def test_the_size_of_batches_is_told() -> None:
    seen: list[int] = []
    scorer = Scorer(seen.append)
    asyncio.run(ask(scorer, Echo("one"), 1, 2, 3))
    scorer.close()
    assert seen == [3]
