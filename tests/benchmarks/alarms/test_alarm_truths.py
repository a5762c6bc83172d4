from __future__ import annotations

import numpy as np
import pytest

from benchmarks.alarms.releases import problem_for, release
from benchmarks.alarms.rows import draw
from benchmarks.alarms.streams import STREAMS
from benchmarks.alarms.truths import REAL, regret, truth

SOME = (
    "quiet, 100 rows a day",
    "days share luck, regression",
    "other rows, gradually",
    "other rows, suddenly, three classes",
    "an unused column breaks",
    "sudden change, 100 rows a day",
    "sudden change, regression",
    "labels shift, three classes",
    "a column turns empty in 40% of rows",
    "rows that the model cannot follow",
)


@pytest.mark.parametrize("name", SOME)
def test_harm_is_where_the_stream_says_and_nowhere_else(name: str) -> None:
    drawn = draw(STREAMS[name], 1)
    found = truth(drawn, release(drawn))
    assert found.real.any() == drawn.stream.harm
    assert (found.onset is not None) == drawn.stream.harm
    calm = found.harm[: drawn.onset]
    assert calm.max() < REAL
    assert abs(calm.mean()) < REAL / 5


def test_regret_is_what_labels_show_on_average() -> None:
    source = np.random.default_rng(0)
    likely, said = source.uniform(0.1, 0.9, 200_000), source.uniform(0.1, 0.9, 200_000)
    y = (source.random(200_000) < likely).astype(int)
    true, answers = np.column_stack([1 - likely, likely]), np.column_stack([1 - said, said])
    every = np.arange(len(y))
    shown = np.log(true[every, y] / answers[every, y])
    assert shown.mean() == pytest.approx(regret("binary", true, answers).mean(), abs=0.01)


def test_the_release_is_watched_with_the_defaults_of_a_problem_file() -> None:
    drawn = draw(STREAMS["quiet, 3% positive, 100 rows a day"], 0)
    watched = release(drawn)
    side = watched.side
    assert side.contract.classes == ["no", "yes"]
    assert [column.kind for column in side.contract.features].count("numeric") == 5
    assert sum(side.usage.values()) == pytest.approx(1)
    assert side.usage["spare"] < 0.05
    assert (drawn.day[watched.held_out] < 0).all()
    assert np.isfinite(side.reference.labels).all()
    assert problem_for("binary").monitoring.thresholds == problem_for("binary", "1w").monitoring.thresholds
