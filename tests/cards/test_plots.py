from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import matplotlib as mpl
import pytest

from pipelines.cards.plots import draw_plots
from pipelines.cards.reference_answers import read_answers

CLASSIFIED = {"metrics", "roc", "precision_recall", "calibration", "confusion"}
JUDGED = {"slices", "importance", "effects"}


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("binary", CLASSIFIED | JUDGED),
        ("multiclass", CLASSIFIED | JUDGED),
        ("regression", {"metrics", "calibration", "residuals"} | JUDGED),
    ],
)
def test_a_full_card_has_every_plot_of_its_task(make_case: Callable[..., Any], task: str, expected: set[str]) -> None:
    case = make_case(task)
    plots = draw_plots(case.card, read_answers(case.contract, case.reference))
    assert set(plots) == expected
    for plot in plots.values():
        root = ElementTree.fromstring(plot.svg)
        assert root.tag.endswith("svg")
        assert "nan" not in plot.svg.lower().replace("dominant", "")
        assert "http" not in plot.svg.replace("http://www.w3.org/", "")


def test_the_same_card_gives_the_same_bytes_whatever_the_settings(make_case: Callable[..., Any]) -> None:
    case = make_case("binary")
    answers = read_answers(case.contract, case.reference)
    before = mpl.rcParams["font.size"]
    one = draw_plots(case.card, answers)
    with mpl.rc_context({"font.size": 31, "axes.facecolor": "red"}):
        assert draw_plots(case.card, answers) == one
        assert mpl.rcParams["font.size"] == 31
    assert mpl.rcParams["font.size"] == before


def test_threads_draw_one_after_the_other(make_case: Callable[..., Any]) -> None:
    card = make_case("regression").card
    with ThreadPoolExecutor(3) as pool:
        drawn = list(pool.map(lambda _: draw_plots(card, None), range(3)))
    assert drawn[0] == drawn[1] == drawn[2]


def test_a_card_without_answers_has_the_plots_that_need_none(make_case: Callable[..., Any]) -> None:
    assert set(draw_plots(make_case("binary", full=False).card, None)) >= {"metrics", "calibration", "confusion"}
