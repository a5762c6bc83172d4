from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from pipelines.core.resampling import resample
from pipelines.core.tallies import brier_losses, concordant_pairs, counted_shares, formulas, log_losses

SOURCE = np.random.default_rng(0)


def test_every_draw_equals_the_metric_of_the_rows_drawn() -> None:
    """The sums per block must give what scikit-learn gives on the repeated rows themselves."""
    rows = 150
    clusters = SOURCE.integers(0, 30, rows)
    y = SOURCE.integers(0, 2, rows).astype(float)
    p = np.round(SOURCE.random(rows), 1)
    scores = np.column_stack([1 - p, p])
    drawn = resample(rows, clusters)
    found = {name: formula(drawn.weights[:20]) for name, formula in formulas("binary", y, scores, drawn).items()}
    for draw in range(20):
        repeated = np.repeat(np.arange(rows), drawn.weights[draw][drawn.block].astype(int))
        truth, given, answer = y[repeated], p[repeated], scores[repeated].argmax(axis=1)
        assert found["roc_auc"][draw] == pytest.approx(sk.roc_auc_score(truth, given))
        assert found["log_loss"][draw] == pytest.approx(sk.log_loss(truth, given))
        assert found["precision"][draw] == pytest.approx(sk.precision_score(truth, answer))
        assert found["f1"][draw] == pytest.approx(sk.f1_score(truth, answer))


def test_several_classes_agree_with_scikit_learn() -> None:
    y = SOURCE.integers(0, 4, 300).astype(float)
    scores = SOURCE.dirichlet(np.ones(4), 300)
    drawn = resample(300)
    found = {name: one(np.ones((1, drawn.count)))[0] for name, one in formulas("multiclass", y, scores, drawn).items()}
    answer = scores.argmax(axis=1)
    assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(y, scores, multi_class="ovr"))
    assert found["log_loss"] == pytest.approx(sk.log_loss(y, scores))
    assert found["brier"] == pytest.approx(sk.brier_score_loss(y, scores))
    assert found["precision"] == pytest.approx(sk.precision_score(y, answer, average="macro"))
    assert found["recall"] == pytest.approx(sk.recall_score(y, answer, average="macro"))
    assert found["f1"] == pytest.approx(sk.f1_score(y, answer, average="macro"))


def test_macro_averages_leave_out_a_class_that_never_occurs() -> None:
    y = np.array([0.0, 1.0, 1.0, 0.0])
    scores = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.5, 0.4, 0.1]])
    found = formulas("multiclass", y, scores, resample(4))
    whole = np.ones((1, 4))
    assert found["f1"](whole)[0] == pytest.approx(sk.f1_score(y, scores.argmax(axis=1), average="macro"))
    assert np.isfinite(found["roc_auc"](whole)[0])


def test_regression_agrees_with_scikit_learn() -> None:
    y = SOURCE.normal(1e6, 3, 200)
    scores = y + SOURCE.normal(0, 1, 200)
    drawn = resample(200)
    whole = np.ones((1, drawn.count))
    found = {name: one(whole)[0] for name, one in formulas("regression", y, scores, drawn).items()}
    assert found["rmse"] == pytest.approx(sk.root_mean_squared_error(y, scores))
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(y, scores))
    assert found["mse"] == pytest.approx(sk.mean_squared_error(y, scores))
    assert found["r2"] == pytest.approx(sk.r2_score(y, scores))


def test_a_constant_has_no_r2_and_one_class_no_area() -> None:
    assert np.isnan(formulas("regression", np.full(9, 0.1), np.zeros(9), resample(9))["r2"](np.ones((1, 9)))).all()
    ones = formulas("binary", np.ones(9), np.tile([0.5, 0.5], (9, 1)), resample(9))
    assert np.isnan(ones["roc_auc"](np.ones((1, 9)))).all()


def test_pairs_are_counted_over_chunks_and_ties() -> None:
    rows = 10_000  # more levels than one chunk holds
    score = np.concatenate([np.round(SOURCE.random(rows // 2), 2), SOURCE.random(rows // 2)])
    positive = SOURCE.random(rows) < 0.3
    drawn = resample(rows, SOURCE.integers(0, 7, rows))
    pairs = concordant_pairs(positive, score, drawn)
    area = pairs.sum() / (positive.sum() * (~positive).sum())
    assert area == pytest.approx(sk.roc_auc_score(positive, score))
    for one in range(3):
        mine = positive & (drawn.block == one)
        for other in range(3):
            theirs = ~positive & (drawn.block == other)
            expected = (score[mine][:, None] > score[theirs]).sum() + 0.5 * (
                score[mine][:, None] == score[theirs]
            ).sum()
            assert pairs[one, other] == pytest.approx(expected)


def test_losses_are_clipped_and_normalised_as_in_scikit_learn() -> None:
    assert log_losses(np.array([1.0]), np.array([[1.0, 0.0]]))[0] == pytest.approx(36.04, abs=0.01)
    assert log_losses(np.array([1.0]), np.array([[1.0, 1.0]]))[0] == pytest.approx(np.log(2))
    assert brier_losses(np.array([1.0]), np.array([[0.25, 0.75]]))[0] == pytest.approx(0.0625)
    assert brier_losses(np.array([2.0]), np.array([[0.0, 0.0, 1.0]]))[0] == 0


@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_pairs_are_the_same_whichever_class_is_rarer(share: float) -> None:
    score = np.round(SOURCE.normal(size=3000), 1)
    positive = SOURCE.random(3000) < share
    drawn = resample(3000, SOURCE.integers(0, 5, 3000))
    pairs = concordant_pairs(positive, score, drawn)
    assert pairs.sum() / (positive.sum() * (~positive).sum()) == pytest.approx(sk.roc_auc_score(positive, score))
    assert pytest.approx(pairs) == concordant_pairs(~positive, -score, drawn).T


def test_shares_are_counted_as_the_metrics_are() -> None:
    y = SOURCE.integers(0, 2, 200)
    p = SOURCE.random(200)
    scores = np.column_stack([1 - p, p])
    counted = counted_shares(y, scores)
    drawn = resample(200)
    found = {name: one(np.ones((1, drawn.count)))[0] for name, one in formulas("binary", y, scores, drawn).items()}
    for name in ("accuracy", "precision", "recall"):
        assert counted[name][0] / counted[name][1] == pytest.approx(found[name])
    share = counted["f1"][0] / counted["f1"][1]
    assert 2 * share / (1 + share) == pytest.approx(found["f1"])
    assert set(counted_shares(np.array([2]), np.array([[0.1, 0.2, 0.7]]))) == {"accuracy"}


def test_one_formula_answers_to_other_draws_in_turn() -> None:
    """Sums are kept for the weights that were asked for last; others must not get them."""
    y, scores = SOURCE.normal(size=60), SOURCE.normal(size=60)
    drawn = resample(60)
    formula = formulas("regression", y, scores, drawn)["mae"]
    whole = np.ones((1, drawn.count))
    first = formula(whole)[0]
    assert formula(drawn.weights[:5]).shape == (5,)
    assert formula(whole)[0] == first == pytest.approx(np.abs(scores - y).mean())
