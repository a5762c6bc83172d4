from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from pipelines.core.watching.label_book import (
    LabelBook,
    Raw,
    gap_of,
    harm_of,
    open_book,
    spoken,
    step_of,
)


def book_of(one: Any, windows: int = 10) -> LabelBook:
    seen = one.windows(windows)
    return open_book(one.problem.monitoring, one.side, seen[-1], seen[:-1])


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_reference_stands_beside_the_windows(task: str, world: Any) -> None:
    book = book_of(world(task))
    assert (len(book.now), len(book.reference), book.timed) == (10, 20, True)
    assert np.abs(harm_of(book.reference).mean).max() < 0.6
    assert book.limit is not None
    assert book.limit > 0
    assert gap_of(book.now, 0).mean[0] == book.now[0].gap[0] / book.now[0].labels


def test_windows_of_other_releases_and_beyond_memory_are_left_out(world: Any) -> None:
    one = world(monitoring={"memory": 5})
    seen = one.windows(10)
    book = open_book(one.problem.monitoring, one.side, seen[-1], seen[:-1])
    assert (len(book.now), list(book.past)) == (6, seen[4:9])
    other = one.side.__class__(2, one.side.contract, (), one.side.reference, one.side.losses)
    assert not open_book(one.problem.monitoring, other, seen[-1], seen[:-1]).now[:-1]


def test_what_the_reference_showed_is_taken_off_as_far_as_it_is_sure(world: Any) -> None:
    book = book_of(world())
    always = Raw(np.full(20, 0.2), np.full(20, 0.0001), np.zeros(20))
    unsure = Raw(np.full(1, 0.2), np.full(1, 1.0), np.zeros(1))
    sure = book.prepared(harm_of(book.now), always, 0.1)
    assert sure.before == pytest.approx(0.2, abs=0.02)
    assert sure.error < 0.02
    vague = book.prepared(harm_of(book.now), unsure, 0.1)
    assert vague.before < 0.01
    assert 0.1 < vague.error <= 0.15


def test_the_threshold_follows_the_time_between_false_alarms(world: Any) -> None:
    often, rarely = (book_of(world(monitoring={"false_alarm_every": every})).needed for every in ("100d", "1000d"))
    assert rarely - often == pytest.approx(np.log(10))


def test_recent_blocks_are_a_window_with_enough_labels(world: Any) -> None:
    book = book_of(world(rows=40))
    assert len(book.now) - book.recent(30) == 1
    assert len(book.now) - book.recent(100) == 3
    assert book.recent(10_000) == 0


def test_lengths_of_time_are_spoken() -> None:
    assert [spoken(timedelta(days=one)) for one in (0.01, 1, 20, 100, 1000)] == [
        "14 minutes",
        "1 day",
        "20 days",
        "3 months",
        "3 years",
    ]
    assert step_of([], timedelta(days=1)) == timedelta(days=1)
