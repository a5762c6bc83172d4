"""Plots of a backtest: loss over time by policy, what was gained over never retraining, verdicts and trainings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.cards.palette import BAD, SERIES, SOFT
from pipelines.cards.wording import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WORST = {"unknown": "#F1F3F5", "healthy": "#CFE8DC", "warning": "#F2C14E", "alarm": BAD}
_WIDTH, _TICKS = 9.4, 9


def paint_losses(found: Mapping[str, Any], figure: Figure) -> str | None:
    """Each policy's loss by window."""
    figure.set_size_inches(_WIDTH, 3.6)
    axes = figure.subplots()
    drawn = False
    for policy, colour in zip(found["policies"], _colours(found), strict=True):
        values = np.array([np.nan if one["loss"] is None else one["loss"] for one in policy["windows"]])
        if np.isfinite(values).any():
            width = 2.4 if policy["name"] == "never" else 1.5
            axes.plot(
                _middles(policy["windows"]), values, color=colour, label=shortened(policy["name"]), linewidth=width
            )
            drawn = True
    if not drawn:
        return None
    axes.set_ylabel(f"{found['metric']} (less is better)")
    _dates(axes, found)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=min(6, len(found["policies"])))
    return "Of all answers whose label came in the end. Lines lie on each other where the releases are the same."


def paint_gains(found: Mapping[str, Any], figure: Figure) -> str | None:
    """What each policy has gained so far over the first one, in its share of the whole stretch's loss."""
    first, *others = found["policies"]
    if not others:
        return None
    figure.set_size_inches(_WIDTH, 3.2)
    axes = figure.subplots()
    axes.axhline(0, color=SOFT, linewidth=1)
    rows = max(sum(one["loss_rows"] for one in first["windows"]), 1)
    for policy, colour in zip(others, _colours(found)[1:], strict=True):
        gained = np.cumsum(_totals(first, found["task"]) - _totals(policy, found["task"])) / rows
        ends = [_at(one["end"]) for one in policy["windows"]]
        axes.plot(np.array(ends), gained, color=colour, label=shortened(policy["name"]))
    axes.set_ylabel(f"gained over {first['name']}" + (" (mean squared error)" if found["task"] == "regression" else ""))
    _dates(axes, found)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=6)
    return f"Summed up from the left: at the right end is the difference to {first['name']} over the whole stretch."


def paint_timeline(found: Mapping[str, Any], figure: Figure) -> str | None:
    """A line for each policy: the level of each window, and the trainings."""
    policies = found["policies"]
    figure.set_size_inches(_WIDTH, 0.42 * len(policies) + 1.1)
    axes = figure.subplots()
    for place, policy in enumerate(policies):
        starts = [_at(one["start"]) for one in policy["windows"]]
        ends = [_at(one["end"]) for one in policy["windows"]]
        spans = [(start, end - start) for start, end in zip(starts, ends, strict=True)]
        colours = [WORST[one["verdict"]] for one in policy["windows"]]
        axes.broken_barh(spans, (-place - 0.36, 0.72), facecolors=colours, edgecolor="white", linewidth=0.4)  # type: ignore[arg-type]
        for training in policy["trainings"][1:]:
            marker = "^" if training["outcome"] == "promote" else "x"
            moment: Any = _at(training["at"])
            axes.plot([moment], [-place], marker, color="#111827", markersize=6, markeredgewidth=1.6)
    axes.set_yticks([-place for place in range(len(policies))], [shortened(one["name"]) for one in policies])
    axes.set_ylim(-len(policies) + 0.4, 0.6)
    axes.grid(False, axis="y")
    axes.spines["left"].set_visible(False)
    _dates(axes, found)
    _key(figure, axes)
    return "The worst level among the kinds of each window; triangles are promoted challengers, crosses rejected ones."


BACKTEST_PAINTERS: dict[str, tuple[str, Callable[[Mapping[str, Any], Figure], str | None]]] = {
    "losses": ("Loss over time", paint_losses),
    "gains": ("What retraining gained", paint_gains),
    "timeline": ("Verdicts and retrainings", paint_timeline),
}
"""By name: the title, and what paints it and gives the caption."""


def _key(figure: Figure, axes: Axes) -> None:
    for level, colour in WORST.items():
        axes.plot([], [], "s", color=colour, markersize=9, label=level)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=4)


def _totals(policy: Mapping[str, Any], task: str) -> np.ndarray:
    """Summed losses of each window: of squared errors where the loss is their root."""
    power = 2 if task == "regression" else 1
    return np.array([(one["loss"] or 0.0) ** power * one["loss_rows"] for one in policy["windows"]])


def _middles(windows: Sequence[Mapping[str, Any]]) -> list[Any]:
    found = []
    for one in windows:
        start, end = (_at(one[name]) for name in ("start", "end"))
        found.append(start + (end - start) / 2)
    return found


def _at(moment: str) -> datetime:
    """A moment of the result, without its zone: axes are in UTC."""
    return datetime.fromisoformat(moment).replace(tzinfo=None)


def _colours(found: Mapping[str, Any]) -> list[str]:
    grey, *others = ("#6B7280", *SERIES)
    count = len(found["policies"]) - 1
    return [grey, *[others[place % len(others)] for place in range(count)]]


def _dates(axes: Axes, found: Mapping[str, Any]) -> None:
    """A few days at which windows begin; the year where it changes."""
    starts = [_at(one["start"]) for one in found["policies"][0]["windows"]]
    places = np.unique(np.linspace(0, len(starts) - 1, min(_TICKS, len(starts))).round().astype(int)).tolist()
    shown = [starts[place] for place in places]
    hours = len(starts) > 1 and starts[1] - starts[0] < timedelta(days=1)
    texts = [f"{one.day} {one:%b}" + (f" {one:%H:%M}" if hours else "") for one in shown]
    years = [not number or one.year != shown[number - 1].year for number, one in enumerate(shown)]
    ticks: Any = shown
    axes.set_xticks(
        ticks, [f"{text}\n{one.year}" if new else text for text, one, new in zip(texts, shown, years, strict=True)]
    )
