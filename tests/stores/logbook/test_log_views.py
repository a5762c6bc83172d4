"""A view is a function of what the log holds: not of the form, the order or the number of pieces it came in."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.observation import read_window
from pipelines.core.watching.exact_counts import ExactCounts
from pipelines.core.watching.view import View
from pipelines.stores.logbook import log_pieces
from pipelines.stores.logbook.prediction_log import PredictionLog

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL

START = datetime(2024, 3, 1, tzinfo=UTC)
END = START + timedelta(days=7)
LATER = START + timedelta(days=60)


def view(log: PredictionLog, traffic: Any, size: int = 10_000, **changes: Any) -> View:
    moments = {"start": START, "end": END, "as_of": LATER} | changes
    return log.view("p", traffic.contract, ["rate"], **moments, size=size)


def same(one: View, other: View) -> bool:
    assert (one.rows, one.versions, one.counts) == (other.rows, other.versions, other.counts)
    pd.testing.assert_frame_equal(one.sample.frame, other.sample.frame)
    for name in ("moments", "scores", "labels"):
        np.testing.assert_array_equal(getattr(one.sample, name), getattr(other.sample, name))
    return True


@pytest.mark.parametrize("size", [1, 2, 64, None])
def test_a_view_holds_what_the_window_holds(log: PredictionLog, traffic: Any, size: int | None) -> None:
    made = traffic(200)
    made.log(log, size)
    made.label(log, range(0, 200, 3))
    found = view(log, made)
    rows = log.window("p", START, END)
    whole = read_window(made.contract, ["rate"], rows)
    assert (found.rows, found.versions, len(found.sample)) == (200, {1: 200}, 200)
    pd.testing.assert_frame_equal(found.sample.frame, whole.frame)
    for name in ("moments", "scores", "labels"):
        np.testing.assert_array_equal(getattr(found.sample, name), getattr(whole, name))
    assert found.sample.broken == whole.broken
    counts = ExactCounts(made.contract, ["rate"])
    inputs = {name: [one.get(name) for one in rows["inputs"]] for name in ("size", "line", "words", "at")}
    counts.add(200, inputs, {"rate": [one["rate"] for one in rows["history"]]})
    assert found.counts == counts.columns
    assert found.counts[0].broken > 0


def test_the_sample_is_the_same_whatever_the_order_and_the_pieces(fresh: Callable[[], str], traffic: Any) -> None:
    made, views = traffic(500), []
    shuffled = np.random.default_rng(1).permutation(500).tolist()
    for size, order in [(50, range(500)), (7, range(499, -1, -1)), (1, shuffled)]:
        log = PredictionLog(fresh())
        made.log(log, size, order)
        made.label(log, list(order)[::2] if size == 50 else [row for row in order if row % 2 == 0])
        views.append(view(log, made, size=60))
        log.close()
    assert len(views[0].sample) == 60
    assert views[0].rows == 500
    assert 10 < np.isfinite(views[0].sample.labels).sum() < 50
    assert same(views[0], views[1])
    assert same(views[0], views[2])


def test_the_sample_is_a_fair_one(log: PredictionLog, traffic: Any) -> None:
    made = traffic(4_000)
    made.log(log, 100)
    sample = view(log, made, size=1_000).sample
    middle = (sample.moments < np.datetime64("2024-03-04T12", "us")).mean()
    assert abs(middle - 0.5) < 0.06
    assert abs(sample.scores[:, 1].mean() - made.odds.mean()) < 0.03


def test_rows_outside_the_window_do_not_count(log: PredictionLog, traffic: Any) -> None:
    made = traffic(300, days=10)
    made.log(log, 90)
    inside = made.moments < START.replace(tzinfo=None) + timedelta(days=7)
    found = view(log, made)
    assert (found.rows, len(found.sample)) == (inside.sum(), inside.sum())
    assert view(log, made, start=LATER, end=LATER + timedelta(days=1)).rows == 0


def test_blocks_rows_and_releases_are_one_view(log: PredictionLog, traffic: Any) -> None:
    old, new = traffic(80, seed=1), traffic(40, seed=2, version=2)
    old.log(log, 16)
    new.log(log, None)
    found = view(log, old)
    assert (found.rows, found.versions) == (120, {1: 80, 2: 40})
    assert len(found.of(2)) == 40
    assert view(log, old, size=30).versions == {1: 80, 2: 40}


def test_the_label_that_became_known_last_counts_in_whatever_order_they_came(log: PredictionLog, traffic: Any) -> None:
    made = traffic(3)
    made.log(log, 3)
    for day, label, row in [(5, "yes", 0), (3, "no", 0), (4, "no", 1), (9, "yes", 1)]:
        known = {"id": made.ids.text(row), "label": label, "known_at": START + timedelta(days=day)}
        log.add_labels("p", [known], LATER, lambda value: value)
    seen = [view(log, made, as_of=START + timedelta(days=day)).sample.labels.tolist() for day in (3, 6, 10)]
    np.testing.assert_array_equal(seen, [[0, np.nan, np.nan], [1, 0, np.nan], [1, 1, np.nan]])
    assert [one.label for one in log.labels(made.ids.text(0))] == ["no", "yes"]
    assert log.window("p", START, END)["label"].tolist() == ["yes", "yes", None]


def test_answers_of_another_kind_of_release_have_no_score(log: PredictionLog, traffic: Any) -> None:
    made = traffic(5)
    made.log(log, 5)
    other = made.contract.model_copy(update={"classes": ["yes", "perhaps"]})
    scores = log.view("p", other, [], START, END, LATER, 10).sample.scores
    np.testing.assert_array_equal(scores[:, 0], made.odds)
    assert np.isnan(scores[:, 1]).all()
    numbers = made.contract.model_copy(update={"classes": None, "task": "regression"})
    assert np.isnan(log.view("p", numbers, [], START, END, LATER, 10).sample.scores).all()


def test_memory_does_not_grow_with_the_rows(log: PredictionLog, traffic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_pieces, "_ROWS", 4_000)
    made = traffic(2_000)
    tops = []
    for times in (15, 30):
        for _ in range(times):
            made.ids = type(made)(2_000, days=0.01).ids
            made.log(log, 500)
        view(log, made, size=500)  # imports
        tracemalloc.start()
        assert view(log, made, size=500).rows == 2_000 * (15 if times == 15 else 45)
        tops.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert tops[1] < 1.25 * tops[0]
