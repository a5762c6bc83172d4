from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

from pipelines.cards.reference_answers import precision_points, read_answers, roc_points, thinned


@pytest.mark.parametrize("digits", [1, 6])
def test_curves_are_those_of_scikit_learn(digits: int) -> None:
    source = np.random.default_rng(0)
    score = source.random(300).round(digits)
    hit = source.random(300) < score
    false, true = roc_points(hit, score)
    expected = roc_curve(hit, score, drop_intermediate=False)
    np.testing.assert_allclose(false, expected[0])
    np.testing.assert_allclose(true, expected[1])
    recall, precision = precision_points(hit, score)
    theirs = precision_recall_curve(hit, score)
    np.testing.assert_allclose(precision, theirs[0][:-1][::-1])
    np.testing.assert_allclose(recall, theirs[1][:-1][::-1])


def test_a_thinned_curve_has_the_same_area() -> None:
    source = np.random.default_rng(1)
    score = source.random(5000)
    hit = source.random(5000) < score
    x, y = thinned(*roc_points(hit, score))
    assert len(x) <= 300
    assert np.trapezoid(y, x) == pytest.approx(roc_auc_score(hit, score), abs=2e-3)


def test_answers_are_read_by_the_contract(make_case: Callable[..., Any]) -> None:
    for task in ("binary", "multiclass", "regression"):
        case = make_case(task, full=False)
        answers = read_answers(case.contract, case.reference)
        assert answers is not None
        assert answers.rows == case.card.rows
        assert read_answers(case.contract, case.reference.drop(columns="label")) is None
        assert read_answers(case.contract, case.reference.iloc[:0]) is None
    if case.card.confusion is not None:
        assert sum(map(sum, case.card.confusion)) == answers.rows


def test_probabilities_and_labels_belong_together(make_case: Callable[..., Any]) -> None:
    case = make_case("multiclass", full=False)
    answers = read_answers(case.contract, case.reference)
    assert answers is not None
    counts = np.zeros((3, 3), dtype=int)
    np.add.at(counts, (answers.y.astype(int), answers.scores.argmax(axis=1)), 1)
    assert counts.tolist() == case.card.confusion
