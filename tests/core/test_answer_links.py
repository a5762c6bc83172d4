from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipelines.core.compilation.answer_links import AnswerLink
from pipelines.core.compilation.contributions import linked

TWO = {"count": 2, "present": [0, 1], "rows": 9}
SOME = {"count": 4, "present": [1, 3], "rows": 9}
ALL = {"count": 3, "present": [0, 1, 2], "rows": 9}


def test_two_classes_are_smoothed_and_never_overflow() -> None:
    link = AnswerLink("sigmoid", TWO, 1)
    sums = np.array([[0.0], [1e4], [-1e4], [2.0], [np.nan]])
    few, many = link.answer(sums), link.answer(np.tile(sums, (20, 1)))[:5]
    np.testing.assert_allclose(few, many, atol=1e-15)
    np.testing.assert_allclose(few[:3], [[0.5, 0.5], [0.05, 0.95], [0.95, 0.05]])
    assert np.isnan(few[4]).all()


def test_classes_that_training_lacked_get_their_share() -> None:
    found = AnswerLink("sigmoid", SOME, 1).answer(np.zeros((1, 1)))
    np.testing.assert_allclose(found, [[0.025, 0.475, 0.025, 0.475]])
    np.testing.assert_allclose(AnswerLink("softmax", ALL, 3).answer(np.full((1, 3), 800.0)), 1 / 3)


@pytest.mark.parametrize(
    ("kind", "classes", "outputs"),
    [
        ("sigmoid", TWO, 1),
        ("sigmoid", SOME, 1),
        ("softmax", ALL, 3),
        ("share", TWO, 1),
        ("share", SOME, 1),
        ("share", ALL, 3),
        ("value", None, 1),
    ],
)
def test_contributions_add_up_to_the_answer(kind: str, classes: Any, outputs: int) -> None:
    source = np.random.default_rng(0)
    parts = source.random((5, 2, outputs)) / 10
    sums = parts.sum(axis=1) + 0.1
    link = AnswerLink(kind, classes, outputs)
    scores = link.answer(sums)
    found = link.contributions(parts, scores, ("a", "b"))
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), linked(scores, found.link), atol=1e-12)
    assert found.values.shape[2] == (1 if classes is None or classes["count"] == 2 else classes["count"])
    if kind == "share":  # what a share of a class gains is what the answer gains, smoothing and all
        assert np.ptp(found.base, axis=0).max() < 1e-12


@pytest.mark.parametrize(
    ("kind", "classes", "outputs"),
    [
        ("guess", TWO, 1),
        ("value", TWO, 1),
        ("value", None, 2),
        ("sigmoid", None, 1),
        ("sigmoid", ALL, 1),
        ("softmax", ALL, 2),
        ("share", {"count": 2, "present": [0, 2], "rows": 1}, 1),
        ("share", {"count": 2, "present": [1, 0], "rows": 1}, 1),
    ],
)
def test_what_does_not_fit_is_refused(kind: str, classes: Any, outputs: int) -> None:
    with pytest.raises(ValueError, match=r"classes|value"):
        AnswerLink(kind, classes, outputs)


def test_no_rows_have_no_answers() -> None:
    assert AnswerLink("value", None, 1).nothing().shape == (0,)
    assert AnswerLink("softmax", ALL, 3).nothing().shape == (0, 3)
