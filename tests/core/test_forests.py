"""Random forests: their cost stays bounded."""

from __future__ import annotations

from pipelines.core.forests import RANDOM_FOREST
from pipelines.core.learner import Size


def test_fewer_trees_for_more_work() -> None:
    trees = [
        RANDOM_FOREST.defaults(Size("binary", rows, 20, fits=fits))[0]["n_estimators"]
        for rows, fits in ((500, 1), (20_000, 1), (1_900, 5), (400_000, 1))
    ]
    assert trees == [200, 78, 200, 50]


def test_every_tree_of_a_huge_table_sees_a_part() -> None:
    start = RANDOM_FOREST.defaults(Size("binary", 500_000, 20))[0]
    assert start["max_samples"] == 0.1
    assert "max_samples" not in RANDOM_FOREST.defaults(Size("binary", 50_000, 20))[0]
    assert not RANDOM_FOREST.affordable(Size("binary", 500_000, 20))


def test_all_cores_and_the_seed() -> None:
    model = RANDOM_FOREST.build("regression", {"n_estimators": 5}, 7, 2)
    assert (model.random_state, model.n_jobs, model.n_estimators) == (7, -1, 5)
