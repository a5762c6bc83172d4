"""Plots of what the scorecard judged: metrics beside champion and baseline, slices, importances, effects.

Each paints a figure and gives its caption, or None where the card has nothing for it to show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipelines.cards.palette import BAD, BASELINE, CANDIDATE, CHAMPION, SERIES, SOFT
from pipelines.cards.reference_answers import Answers
from pipelines.cards.wording import level, shortened
from pipelines.core.evaluation.explanation import Effect
from pipelines.core.evaluation.slice_harm import Slice
from pipelines.core.metrics import Metric
from pipelines.core.problem import HIGHER_IS_BETTER
from pipelines.core.scorecard import Scorecard

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_SLICES, _MOST_FEATURES, _MOST_EFFECTS = 24, 20, 6
_WORDS_SHOWN = 8


def paint_metrics(figure: Figure, card: Scorecard, answers: Answers | None) -> str | None:
    """Every metric with its interval: the candidate's, the champion's and the baseline's, each on its own scale."""
    names = [name for name, one in card.metrics.items() if one.value is not None]
    if not names:
        return None
    figure.set_size_inches(9.4, 0.62 * len(names) + 0.5)
    grid = figure.subplots(len(names), 1, squeeze=False)[:, 0]
    champion = {} if card.champion is None else card.champion.metrics
    sources = [("candidate", card.metrics, CANDIDATE, "o"), ("champion", champion, CHAMPION, "D")]
    sources.append(("baseline", card.baseline, BASELINE, "^"))
    for axes, name in zip(grid, names, strict=True):
        for height, (label, found, colour, marker) in enumerate(sources):
            if name in found:
                _span(axes, found[name], -height, colour, marker, label)
        side = "more is better" if name in HIGHER_IS_BETTER else "less is better"
        axes.set_ylabel(f"{name}\n{side}", rotation=0, ha="right", va="center", color=SOFT)
        axes.set(yticks=[], ylim=(-2.7, 0.7))
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=8)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=3)
    return (
        f"Intervals at {level(card.confidence)}, on {card.rows:,} held-out rows; every metric has a scale of its own."
    )


def paint_slices(figure: Figure, card: Scorecard, answers: Answers | None) -> str | None:
    """What each slice gained over the champion, with intervals; without a champion how good each is."""
    gains = [(one, one.gain) for one in card.slices if one.gain is not None and one.gain.metric == card.primary]
    duel = [(one, Metric(value=gain.difference, low=gain.low, high=gain.high)) for one, gain in gains]
    sign = 1 if duel or card.primary in HIGHER_IS_BETTER else -1
    found = duel or [(one, one.metrics.get(card.primary, Metric(value=None))) for one in card.slices]
    found = [(one, metric) for one, metric in found if metric.value is not None]
    if not found:
        return None
    worst = sorted(found, key=lambda pair: sign * (pair[1].value or 0.0))[:_MOST_SLICES]
    shown = found if len(found) <= _MOST_SLICES else worst
    figure.set_size_inches(9.4, 0.27 * len(shown) + 0.9)
    axes = figure.subplots()
    axes.axvline(0.0 if duel else card.metrics[card.primary].value or 0.0, color=SOFT, linestyle="--", linewidth=1)
    for place, (one, metric) in enumerate(shown):
        harmed = one.p_value is not None and one.p_value <= 1 - card.confidence
        _span(axes, metric, -place, BAD if harmed else CANDIDATE, "D" if harmed else "o", "")
    axes.set_yticks([-place for place in range(len(shown))], [_slice_name(one) for one, _ in shown])
    axes.set(xlabel=f"gain over the champion, {card.primary}" if duel else card.primary, ylim=(0.4 - len(shown), 0.6))
    part = "" if len(shown) == len(found) else f"The {len(shown)} worst of {len(found)} slices. "
    if duel:
        return f"{part}Right of the dashed line is better than the champion; diamonds are credibly harmed slices."
    side = "More" if card.primary in HIGHER_IS_BETTER else "Less"
    return f"{part}{side} is better; the dashed line is all rows. Intervals at {level(card.confidence)}."


def paint_importance(figure: Figure, card: Scorecard, answers: Answers | None) -> str | None:
    """How much the primary metric falls when a feature is shuffled (Breiman 2001)."""
    if card.explanation is None or not card.explanation.importances:
        return None
    found = card.explanation.importances
    shown = found[:_MOST_FEATURES]
    figure.set_size_inches(4.7, max(2.2, 0.24 * len(shown) + 0.9))
    axes = figure.subplots()
    places = -np.arange(len(shown))
    falls = np.array([one.fall for one in shown])
    low = np.array([one.fall if one.low is None else one.low for one in shown])
    high = np.array([one.fall if one.high is None else one.high for one in shown])
    axes.barh(places, falls, color=CANDIDATE, alpha=0.75, height=0.66)
    reach = np.clip([falls - low, high - falls], 0, None)
    axes.errorbar(falls, places, xerr=reach, fmt="none", ecolor="#1C2430", elinewidth=1)
    axes.axvline(0, color=SOFT, linewidth=0.8)
    axes.set_yticks(places, [shortened(one.feature) for one in shown])
    axes.set(xlabel=f"{card.primary} lost when shuffled", ylim=(-len(shown) + 0.3, 0.7))
    axes.grid(False, axis="y")
    part = "" if len(shown) == len(found) else f"The first {len(shown)} of {len(found)} features. "
    return f"{part}Measured on {card.explanation.rows:,} rows, with intervals."


def paint_effects(figure: Figure, card: Scorecard, answers: Answers | None) -> str | None:
    """The mean answer with one feature set to each value (Friedman 2001); several classes: a line for each."""
    if card.explanation is None or not card.explanation.effects:
        return None
    by_feature: dict[str, list[Effect]] = {}
    for effect in card.explanation.effects:
        by_feature.setdefault(effect.feature, []).append(effect)
    shown = dict(list(by_feature.items())[:_MOST_EFFECTS])
    columns = min(3, len(shown))
    lines = -(-len(shown) // columns)
    figure.set_size_inches(max(4.7, 3.15 * columns), 2.5 * lines)
    grid = figure.subplots(lines, columns, squeeze=False, sharey=True).ravel()
    for axes, (feature, effects) in zip(grid, shown.items(), strict=False):
        for effect, colour in zip(effects, SERIES, strict=False):
            _effect(axes, effect, colour)
        axes.set_xlabel(shortened(feature))
    for axes in grid[len(shown) :]:
        axes.set_visible(False)
    several = max(len(effects) for effects in shown.values()) > 1
    if several:
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=4)
    first = card.explanation.effects[0].answer
    told = "answer" if several or not first else shortened(first, 40)
    for axes in grid[::columns]:
        axes.set_ylabel(f"Mean {told}")
    return f"The mean {told} when one feature alone is set to each value, all others as they are."


def _effect(axes: Axes, effect: Effect, colour: str) -> None:
    """One feature's effect on one answer: a line over numbers, points over words."""
    label = shortened(effect.answer.removeprefix("probability of "), 20)
    if any(isinstance(one, str) for one in effect.values):
        words = [shortened(one, 12) for one in effect.values[:_WORDS_SHOWN]]
        places = np.arange(len(words))
        axes.plot(places, effect.answers[: len(words)], "o", color=colour, label=label)
        axes.set_xticks(places, words, rotation=60 if len(words) > 3 else 0)
    else:
        numbers = [float(one) for one in effect.values]
        axes.plot(numbers, effect.answers, color=colour, marker="o", markersize=2.5, label=label)
        axes.locator_params(axis="x", nbins=4)


def _span(axes: Axes, found: Metric, height: float, colour: str, marker: str, label: str) -> None:
    """A point with its interval, lying."""
    if found.value is None:
        return
    low = found.value if found.low is None else found.low
    high = found.value if found.high is None else found.high
    axes.plot([low, high], [height, height], color=colour, linewidth=1.6, solid_capstyle="butt")
    axes.plot([found.value], [height], marker, color=colour, markersize=5, linestyle="none", label=label)


def _slice_name(one: Slice) -> str:
    found = ", found" if one.searched else ""
    name = f"{one.column} = {one.value}"
    return f"{shortened(name, 42)} ({one.rows:,}{found})"
