from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from pipelines.cards.answer_plots import (
    paint_calibration,
    paint_confusion,
    paint_precision_recall,
    paint_residuals,
    paint_roc,
)
from pipelines.cards.reference_answers import Answers, read_answers


def test_captions_state_the_figure_and_its_rows(make_case: Callable[..., Any]) -> None:
    case = make_case("binary", full=False)
    answers = read_answers(case.contract, case.reference.head(100))
    caption = paint_roc(Figure(), case.card, answers)
    assert caption is not None
    assert f"Area {case.card.metrics['roc_auc'].value:.4g}" in caption
    assert "100 of 400 held-out rows" in caption
    assert "the class's share" in (paint_precision_recall(Figure(), case.card, answers) or "")


def test_one_class_alone_has_no_curve(make_case: Callable[..., Any]) -> None:
    card = make_case("binary", full=False).card
    answers = Answers(np.ones(5), np.full((5, 2), 0.5))
    assert paint_roc(Figure(), card, answers) is None
    assert paint_precision_recall(Figure(), card, answers) is None


@pytest.mark.parametrize("classes", [1, 25, 60])
def test_as_many_classes_as_can_be_told_apart(make_case: Callable[..., Any], classes: int) -> None:
    card = make_case("multiclass", full=False).card
    counts = np.eye(classes, dtype=int).tolist()
    many = card.model_copy(update={"confusion": counts, "classes": [str(one) for one in range(classes)]})
    assert (paint_confusion(Figure(), many, None) is not None) is (classes == 25)


def test_residuals_of_a_perfect_model(make_case: Callable[..., Any]) -> None:
    card = make_case("regression", full=False).card
    caption = paint_residuals(Figure(), card, Answers(np.arange(9.0), np.arange(9.0)))
    assert caption is not None
    assert caption.startswith("Median 0.")


def test_no_bins_no_calibration(make_case: Callable[..., Any]) -> None:
    card = make_case("regression", full=False).card
    empty = card.calibration.model_copy(update={"bins": [], "ece": None})
    assert paint_calibration(Figure(), card.model_copy(update={"calibration": empty}), None) is None
