from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from pipelines.cards.judgement_plots import paint_effects, paint_importance, paint_metrics, paint_slices
from pipelines.core.metrics import Metric


def test_slices_are_drawn_against_the_champion_where_there_is_one(make_case: Callable[..., Any]) -> None:
    card = make_case("binary").card
    assert "better than the champion" in (paint_slices(Figure(), card, None) or "")
    alone = [one.model_copy(update={"gain": None, "champion": None, "p_value": None}) for one in card.slices]
    assert "Less is better" in (paint_slices(Figure(), card.model_copy(update={"slices": alone}), None) or "")


def test_of_many_slices_the_worst_are_drawn(make_case: Callable[..., Any]) -> None:
    card = make_case("binary").card
    one = card.slices[0]
    assert one.gain is not None
    many = [
        one.model_copy(update={"value": f"v{place}", "gain": one.gain.model_copy(update={"difference": place / 10.0})})
        for place in range(40)
    ]
    figure = Figure()
    caption = paint_slices(figure, card.model_copy(update={"slices": many}), None)
    assert (caption or "").startswith("The 24 worst of 40 slices")
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names[0].startswith(f"{one.column} = v0")
    assert not any("v39" in name for name in names)


def test_a_metric_without_a_value_is_left_out(make_case: Callable[..., Any]) -> None:
    card = make_case("regression", full=False).card
    undefined = {name: Metric(value=None, reason="no rows") for name in card.metrics}
    assert paint_metrics(Figure(), card.model_copy(update={"metrics": undefined}), None) is None
    figure = Figure()
    paint_metrics(figure, card.model_copy(update={"metrics": undefined | {"mae": Metric(value=1.0)}}), None)
    assert len(figure.axes) == 1


def test_a_line_for_each_class_of_an_effect(make_case: Callable[..., Any]) -> None:
    card = make_case("multiclass").card
    figure = Figure()
    assert "answer" in (paint_effects(figure, card, None) or "")
    assert [len(axes.lines) for axes in figure.axes] == [1, 2]


def test_without_an_explanation_there_is_none(make_case: Callable[..., Any]) -> None:
    card = make_case("binary", full=False).card
    assert paint_importance(Figure(), card, None) is None
    assert paint_effects(Figure(), card, None) is None
