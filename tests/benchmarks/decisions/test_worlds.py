from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from benchmarks.decisions.questions import CHAMPION, KINDS, question, truth
from benchmarks.decisions.shapes import Shape
from benchmarks.decisions.worlds import HURT_REGION, evidence

HUGE = 300_000


@pytest.mark.parametrize("days", [None, 4000])
@pytest.mark.parametrize("kind", ["equal", "worse", "gain"])
def test_both_models_are_as_good_as_they_are_said_to_be(kind: str, days: int | None) -> None:
    shape = Shape(HUGE, 0.5, days)
    asked = question(shape, kind, "log_loss")
    made = evidence(shape, asked, 0)
    for scores, known in ((made.champion, CHAMPION), (made.candidate, asked.known)):
        assert scores is not None
        true = truth(shape, known)
        assert sk.roc_auc_score(made.y, scores[:, 1]) == pytest.approx(true["roc_auc"], abs=0.006)
        assert sk.log_loss(made.y, scores[:, 1]) == pytest.approx(true["log_loss"], abs=0.008)


@pytest.mark.parametrize("kind", ["worse", "gain"])
def test_a_regression_is_as_said_too(kind: str) -> None:
    shape = Shape(HUGE, None, None)
    asked = question(shape, kind, "rmse")
    made = evidence(shape, asked, 0)
    assert made.champion is not None
    for scores, known in ((made.champion, CHAMPION), (made.candidate, asked.known)):
        true = truth(shape, known, asked.known)
        assert sk.root_mean_squared_error(made.y, scores) == pytest.approx(true["rmse"], rel=0.01)
        assert sk.mean_absolute_error(made.y, scores) == pytest.approx(true["mae"], rel=0.01)


def test_worse_is_worse_by_twice_the_margin() -> None:
    shape = Shape(5_000, 0.03, None)
    for primary, sign in (("log_loss", 1), ("roc_auc", -1)):
        asked = question(shape, "worse", primary)
        champion = truth(shape, CHAMPION)[primary]
        assert truth(shape, asked.known)[primary] == pytest.approx(champion * (1 + sign * 0.04))


def test_one_region_of_five_is_hurt_and_no_other() -> None:
    shape = Shape(HUGE, 0.5, None)
    asked = question(shape, "hurt", "roc_auc")
    made = evidence(shape, asked, 1)
    assert made.champion is not None
    there = made.slices["region"] == HURT_REGION
    assert there.mean() == pytest.approx(0.2, abs=0.01)

    def gain(rows: np.ndarray) -> float:
        assert made.champion is not None
        ours, theirs = (sk.roc_auc_score(made.y[rows], scores[rows, 1]) for scores in (made.candidate, made.champion))
        return float(ours - theirs)

    assert gain(there) == pytest.approx(-0.05, abs=0.005)
    assert gain(~there) == pytest.approx(0.02, abs=0.005)
    assert "region" not in evidence(shape, question(shape, "hidden", "roc_auc"), 1).slices


def test_rows_of_a_day_go_together_and_so_do_neighbouring_days() -> None:
    shape = Shape(100_000, None, 400)
    made = evidence(shape, question(shape, "equal", "rmse"), 0)
    alone = evidence(Shape(100_000, None, None), question(shape, "equal", "rmse"), 0)
    assert alone.clusters is None
    assert made.clusters is not None
    day = np.unique(made.clusters, return_inverse=True)[1]
    means = np.bincount(day, weights=made.y) / np.bincount(day)
    assert means.var() > 20 / 100_000 * len(means)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_the_same_rows_again(kind: str) -> None:
    shape = Shape(200, 0.5, 20)
    one, other = (evidence(shape, question(shape, kind, "log_loss"), 7) for _ in range(2))
    assert (one.y == other.y).all()
    assert (one.candidate == other.candidate).all()
    assert one.features is not None
    assert one.features.equals(other.features)
    assert (evidence(shape, question(shape, kind, "log_loss"), 8).candidate != one.candidate).any()
