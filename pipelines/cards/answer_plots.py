"""Plots of answers beside what came: ROC, precision-recall, calibration, confusion, residuals.

Each paints a figure and gives its caption, or None where the card has nothing for it to show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipelines.cards.palette import BASELINE, CANDIDATE, SERIES, SOFT
from pipelines.cards.reference_answers import Answers, precision_points, roc_points, thinned
from pipelines.cards.wording import number, percent, shortened, spanned
from pipelines.core.scorecard import Scorecard

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_LINES = len(SERIES)
_MOST_CLASSES, _MOST_WRITTEN = 40, 12
_POINTS = 700


def paint_roc(figure: Figure, card: Scorecard, answers: Answers | None) -> str | None:
    """True against false positive rate (Fawcett 2006); several classes: each against the rest."""
    curves = [] if answers is None else _curves(card, answers)
    if answers is None or not curves:
        return None
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=BASELINE, linestyle="--", linewidth=1)
    for label, hit, score, colour in curves:
        axes.plot(*thinned(*roc_points(hit, score)), color=colour, label=label)
    _square(axes, "False positive rate", "True positive rate")
    _legend(axes, curves)
    area = card.metrics.get("roc_auc")
    told = "" if area is None else f"Area {spanned(area.value, area)}. "
    return f"{told}The dashed line is a guess. {_drawn_from(card, answers)}"


def paint_precision_recall(figure: Figure, card: Scorecard, answers: Answers | None) -> str | None:
    """Precision against recall (Davis and Goadrich 2006); several classes: each against the rest."""
    curves = [] if answers is None else _curves(card, answers)
    if answers is None or not curves:
        return None
    axes = figure.subplots()
    for label, hit, score, colour in curves:
        axes.plot(*thinned(*precision_points(hit, score)), color=colour, label=label)
    told = ""
    if len(curves) == 1:
        share = float(curves[0][1].mean())
        axes.axhline(share, color=BASELINE, linestyle="--", linewidth=1)
        told = f"The dashed line is the class's share, {percent(share)}. "
    _square(axes, "Recall", "Precision")
    _legend(axes, curves)
    return told + _drawn_from(card, answers)


def paint_calibration(figure: Figure, card: Scorecard, answers: Answers | None) -> str | None:
    """What came against what was said, by bins of equal numbers of rows."""
    bins = card.calibration.bins
    if not bins:
        return None
    said, came = np.array([one.said for one in bins]), np.array([one.came for one in bins])
    low = np.array([_end(one, "low", one.came) for one in bins])
    high = np.array([_end(one, "high", one.came) for one in bins])
    axes = figure.subplots()
    both = np.r_[said, low, high]
    ends = (0.0, 1.0) if card.task != "regression" else (float(both.min()), float(both.max()))
    axes.plot(ends, ends, color=BASELINE, linestyle="--", linewidth=1)
    reach = np.clip([came - low, high - came], 0, None)
    axes.errorbar(said, came, yerr=reach, color=CANDIDATE, marker="o", markersize=4, linewidth=1.2, capsize=2.5)
    names = ("Said (mean answer of the bin)", "Came (mean)")
    if card.task != "regression":
        names = ("Said (mean probability of the bin)", "Came (share of rows)")
        _square(axes, *names)
    axes.set(xlabel=names[0], ylabel=names[1])
    gap = f"Expected calibration error {number(card.calibration.ece)}. " if card.calibration.ece is not None else ""
    return f"{gap}On the dashed line what is said is what comes. {len(bins)} bins of equal numbers of rows."


def paint_confusion(figure: Figure, card: Scorecard, answers: Answers | None) -> str | None:
    """Rows by what came and what was answered, shaded by the share of the rows that came so."""
    if card.confusion is None or not 2 <= len(card.confusion) <= _MOST_CLASSES:
        return None
    counts = np.array(card.confusion, dtype=np.float64)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    names = [shortened(one, 14) for one in card.classes or range(len(counts))]
    axes = figure.subplots()
    axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=1)
    axes.invert_yaxis()
    axes.grid(False)
    every = max(1, len(names) // 20)
    places = np.arange(0, len(names), every)
    axes.set_xticks(places + 0.5, [names[one] for one in places], rotation=0 if len(names) <= 4 else 60)
    axes.set_yticks(places + 0.5, [names[one] for one in places])
    axes.set(xlabel="Answered", ylabel="Came")
    if len(names) <= _MOST_WRITTEN:
        for (row, column), share in np.ndenumerate(shares):
            text = f"{counts[row, column]:,.0f}" + (f"\n{percent(share)}" if len(names) <= 5 else "")
            colour = "white" if share > 0.55 else "#1C2430"
            axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", color=colour)
    return f"All {card.rows:,} held-out rows; shading and per cent are shares of what came (each line adds up to 100%)."


def paint_residuals(figure: Figure, card: Scorecard, answers: Answers | None) -> str | None:
    """What came less what was answered, against the answer; and how often each size occurs."""
    if card.task != "regression" or answers is None:
        return None
    left = answers.y - answers.scores
    figure.set_size_inches(9.4, 3.5)
    scatter, histogram = figure.subplots(1, 2, width_ratios=[1.5, 1])
    chosen = np.random.default_rng(0).permutation(len(left))[:_POINTS]
    scatter.axhline(0, color=BASELINE, linestyle="--", linewidth=1)
    scatter.plot(
        answers.scores[chosen], left[chosen], "o", color=CANDIDATE, alpha=0.35, markersize=3, markeredgewidth=0
    )
    scatter.set(xlabel="Answered", ylabel="Came less answered")
    near = np.percentile(left, [0.5, 99.5])
    if near[0] < near[1]:
        histogram.hist(left, bins=30, range=(near[0], near[1]), color=CANDIDATE, edgecolor="white", linewidth=0.5)
    else:
        histogram.hist(left, bins=1, color=CANDIDATE)
    histogram.axvline(0, color=SOFT, linestyle="--", linewidth=1)
    histogram.set(xlabel="Came less answered (middle 99%)", ylabel="Rows")
    shown = f"{len(chosen):,} rows chosen at random on the left. " if len(chosen) < len(left) else ""
    return f"Median {number(float(np.median(left)))}. {shown}{_drawn_from(card, answers)}"


def _curves(card: Scorecard, answers: Answers) -> list[tuple[str, np.ndarray, np.ndarray, str]]:
    """Label, hits, scores and colour of the positive class, or of the classes that occur most."""
    if card.task == "regression" or card.classes is None:
        return []
    if card.task == "binary":
        chosen = np.array([1])
    else:
        counts = np.bincount(answers.y.astype(int), minlength=len(card.classes))
        chosen = np.sort(np.argsort(-counts, kind="stable")[:_MOST_LINES])
    found = []
    for colour, code in zip(SERIES, chosen, strict=False):
        hit = answers.y == code
        if hit.any() and not hit.all():
            found.append((shortened(card.classes[code], 20), hit, answers.scores[:, code], colour))
    return found


def _end(one: object, name: str, otherwise: float) -> float:
    found = getattr(one, name, None)
    return otherwise if found is None else float(found)


def _square(axes: Axes, across: str, up: str) -> None:
    axes.set(xlabel=across, ylabel=up, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def _legend(axes: Axes, curves: list[tuple[str, np.ndarray, np.ndarray, str]]) -> None:
    if len(curves) > 1:
        axes.legend(loc="best")


def _drawn_from(card: Scorecard, answers: Answers) -> str:
    if answers.rows >= card.rows:
        return f"All {card.rows:,} held-out rows."
    return f"Drawn from {answers.rows:,} of {card.rows:,} held-out rows, chosen at random."
