from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.alarms.concepts import Concepts
from benchmarks.alarms.rows import START, draw, frame
from benchmarks.alarms.streams import HARMFUL, QUIET, STREAMS, TRAINING, Stream

SHORT = Stream("short", rows=100, days=200)


def test_names_are_told_apart_and_only_the_harmful_say_so() -> None:
    assert len(STREAMS) == len(QUIET) + len(HARMFUL)
    assert all(stream.harm for stream in HARMFUL)
    assert not any(stream.harm for stream in QUIET)
    assert all(stream.changes for stream in HARMFUL)


def test_a_seed_gives_the_same_rows_again() -> None:
    one, same, other = (draw(SHORT, seed) for seed in (3, 3, 4))
    assert one.features.equals(same.features)
    assert (one.labels == same.labels).all()
    assert len(one.labels) != len(other.labels) or (one.labels != other.labels).any()


def test_rows_stand_in_order_of_time_and_labels_come_after_them() -> None:
    drawn = draw(replace(SHORT, labels="any time"), 0)
    assert (np.diff(drawn.moments) >= np.timedelta64(0)).all()
    assert (drawn.known_at >= drawn.moments).all()
    assert drawn.day.min() == -TRAINING
    assert ((drawn.moments - START).astype("timedelta64[D]").astype(int) - TRAINING == drawn.day).all()


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("luck", [0.0, 0.5])
def test_labels_come_as_often_as_the_truth_says(task: str, luck: float) -> None:
    stream = replace(SHORT, task=task, luck=luck, rows=400, days=700)
    drawn = draw(stream, 0)
    if task == "regression":
        assert (drawn.labels - drawn.truth).mean() == pytest.approx(0, abs=0.08)
        return
    expected = drawn.truth[:, 1]
    came = drawn.labels == 1
    for low in (0.0, 0.3, 0.6):
        rows = (expected >= low) & (expected < low + 0.3)
        assert came[rows].mean() == pytest.approx(expected[rows].mean(), abs=0.03)


def test_rows_of_a_day_share_their_luck() -> None:
    def spread(luck: float) -> float:
        drawn = draw(replace(SHORT, luck=luck, rows=300, days=400), 0)
        each = pd.Series(drawn.labels - drawn.truth[:, 1]).groupby(drawn.day).mean()
        return float(each.var())

    assert spread(0.4) > 2 * spread(0.0)


def test_before_the_change_all_is_as_in_the_stream_without_it() -> None:
    stream = STREAMS["sudden change"]
    concepts = Concepts(stream, np.random.default_rng(1))
    values, region = np.random.default_rng(0).standard_normal((50, 5)), np.zeros(50, dtype=int)
    before, after = (concepts.signal(values, region, np.full(50, day), 100) for day in (99, 100))
    still = Concepts(replace(stream, concept="still"), np.random.default_rng(1))
    assert (before == still.signal(values, region, np.full(50, 100), None)).all()
    assert (after != before).all()


def test_a_broken_column_tells_the_label_nothing() -> None:
    drawn = draw(STREAMS["a column turns empty"], 0)
    whole = draw(replace(STREAMS["a column turns empty"], broken=None, concept="sudden", strength=0.0), 0)
    assert drawn.onset is not None
    assert drawn.features["load"].isna().equals(pd.Series(drawn.day >= drawn.onset))
    assert whole.features["load"].notna().all()


def test_a_stream_is_a_table_too() -> None:
    table = frame("half of the labels never come", 0)
    assert table["y"].isna().mean() == pytest.approx(0.5, abs=0.02)
    assert (table["y"].isna() == table["label_known_at"].isna()).all()
    assert set(table["y"].dropna()) == {"yes", "no"}
