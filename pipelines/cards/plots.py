"""Plots of a scorecard as SVG that need no network (the one door for matplotlib).

Drawn without pyplot, so that no window and no global figure is ever made; the same card gives the same bytes.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from pipelines.cards.answer_plots import (
    paint_calibration,
    paint_confusion,
    paint_precision_recall,
    paint_residuals,
    paint_roc,
)
from pipelines.cards.backtest_plots import BACKTEST_PAINTERS
from pipelines.cards.judgement_plots import paint_effects, paint_importance, paint_metrics, paint_slices
from pipelines.cards.palette import GRID, INK, SOFT
from pipelines.cards.reference_answers import Answers
from pipelines.cards.svg import lean_svg
from pipelines.core.scorecard import Scorecard

Painter = Callable[[Figure, Scorecard, Answers | None], str | None]

_PAINTERS: dict[str, tuple[str, Painter]] = {
    "metrics": ("Metrics with intervals", paint_metrics),
    "roc": ("ROC curve", paint_roc),
    "precision_recall": ("Precision and recall", paint_precision_recall),
    "calibration": ("Calibration", paint_calibration),
    "confusion": ("Confusion matrix", paint_confusion),
    "residuals": ("Residuals", paint_residuals),
    "slices": ("Slices", paint_slices),
    "importance": ("Permutation importance", paint_importance),
    "effects": ("Partial dependence", paint_effects),
}
_STYLE: dict[str, Any] = {
    "svg.hashsalt": "ratchet",  # ids come from it and the content: the same plot is the same file
    "svg.fonttype": "none",  # text stays text: it can be read aloud, searched and copied
    "text.parse_math": False,  # a feature called $x$ is no formula
    "font.family": "DejaVu Sans",  # comes with matplotlib: the layout is the same everywhere
    "font.size": 9,
    "axes.edgecolor": "#B9C2CC",
    "axes.labelcolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "text.color": INK,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "savefig.facecolor": "white",
}
_SIZE, _WIDE = (4.7, 3.5), 6.0  # inches; wider plots get a line of their own
_ONE_AT_A_TIME = threading.Lock()  # matplotlib's settings are the process's: two threads would share them
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


@dataclass(frozen=True)
class Plot:
    """A drawing as an SVG element, what it shows and how to read it; `wide`: it needs a page's full width."""

    title: str
    caption: str
    svg: str
    wide: bool = False


def draw_plots(card: Scorecard, answers: Answers | None) -> dict[str, Plot]:
    """The plots that the card has something for, by name; `answers` of the reference rows for the curves."""
    drawn = {name: _draw(name, title, paint, card, answers) for name, (title, paint) in _PAINTERS.items()}
    return {name: plot for name, plot in drawn.items() if plot is not None}


def draw_backtest(found: Mapping[str, Any]) -> dict[str, Plot]:
    """The plots of a backtest's result, by name."""
    drawn = {name: _drawn(name, title, partial(paint, found)) for name, (title, paint) in BACKTEST_PAINTERS.items()}
    return {name: plot for name, plot in drawn.items() if plot is not None}


def _draw(name: str, title: str, paint: Painter, card: Scorecard, answers: Answers | None) -> Plot | None:
    return _drawn(name, title, lambda figure: paint(figure, card, answers))


def _drawn(name: str, title: str, paint: Callable[[Figure], str | None]) -> Plot | None:
    with _ONE_AT_A_TIME, mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()  # a person's own matplotlibrc changes no release
        mpl.rcParams.update(cast("Any", _STYLE))
        # The reader's own fonts show what DejaVu Sans lacks; only the width of such text is guessed.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=_SIZE, layout="constrained")
        canvas: Any = FigureCanvasSVG(figure)
        caption = paint(figure)
        if caption is None:
            return None
        file = io.StringIO()
        canvas.print_svg(file, metadata=_NO_METADATA)  # savefig would lay everything out twice
        wide = bool(figure.get_figwidth() > _WIDE)
    return Plot(title, caption, lean_svg(file.getvalue(), name, f"{title}. {caption}"), wide)
