"""Boosting: rounds within the means, leaves that fit the rows."""

from __future__ import annotations

from pipelines.core.boosting import HISTOGRAM, LIGHTGBM
from pipelines.core.learner import Size


def test_rounds_shrink_with_the_table_and_the_rate_grows() -> None:
    starts = [
        LIGHTGBM.defaults(size)[0]
        for size in (
            Size("binary", 500, 10),
            Size("multiclass", 1_400, 64, outputs=10, fits=5),
            Size("regression", 1_400_000, 20),
            Size("binary", 1_400_000, 1_500),
        )
    ]
    assert [start["n_estimators"] for start in starts] == [400, 156, 200, 40]
    assert [start["learning_rate"] for start in starts] == [0.05, 0.1, 0.1, 0.1]
    assert [start["num_leaves"] for start in starts] == [31, 31, 63, 15]
    assert [start["max_bin"] for start in starts] == [255, 255, 255, 63]


def test_leaves_of_a_small_table_hold_few_rows() -> None:
    for learner, name in ((HISTOGRAM, "min_samples_leaf"), (LIGHTGBM, "min_child_samples")):
        assert [learner.defaults(Size("binary", rows, 5))[0][name] for rows in (60, 400, 5_000)] == [3, 10, 20]


def test_no_early_stopping_on_rows_of_its_own() -> None:
    model = HISTOGRAM.build("binary", {"max_iter": 9}, 3, 1)
    assert (model.early_stopping, model.random_state, model.max_iter) == (False, 3, 9)
    assert not HISTOGRAM.affordable(Size("binary", 200, 1_600))
