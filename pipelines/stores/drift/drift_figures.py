"""Figures of a drift report, written down as the JSON that plotly.js draws.

Made by plotly's own classes a figure costs 40 ms of CPU, most of it checks; written down it costs a tenth of one. With
some twenty columns a window that was most of what a report cost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

Figure = tuple[list[dict[str, Any]], dict[str, Any]]
"""Plotly's `data` and `layout`."""


_COLORS = {"current": "#ed0400", "reference": "#4d4d4d"}
"""Evidently's own of the window and of the reference."""
_BINS = 40
_SHOWN = 40  # categories, the most frequent ones


def distributions(sides: Mapping[str, np.ndarray], numeric: bool) -> Figure:
    """Bars of each side's shares beside one another, in the same bins or by the same categories.

    >>> data, layout = distributions({"current": np.array(["a", "b", "b", "b"], dtype=object)}, False)
    >>> data[0]["x"], data[0]["y"], layout["yaxis"]["title"]["text"]
    (['b', 'a'], [75.0, 25.0], 'Percent')
    """
    places, counts = _in_bins(sides) if numeric else _by_category(sides)
    data = []
    for (name, values), heights in zip(sides.items(), counts, strict=True):
        shares = (100 * heights / max(len(values), 1)).round(4).tolist()
        data.append({"type": "bar", "name": name, "x": places, "y": shares, "marker": {"color": _COLORS[name]}})
    axis = {"type": "linear" if numeric else "category"}
    return data, {"barmode": "group", "xaxis": axis, "yaxis": {"title": {"text": "Percent"}}}


def _in_bins(sides: Mapping[str, np.ndarray]) -> tuple[list[Any], list[np.ndarray]]:
    """The middles of bins from the smallest to the largest value, and how many values of each side are in them."""
    values = [one.astype(np.float64) for one in sides.values()]
    everything = np.concatenate(values)
    if not len(everything):
        return [], [np.empty(0) for _ in values]
    span = (everything.min(), everything.max())
    edges = np.linspace(*span, _BINS + 1) if span[0] < span[1] else np.array([span[0] - 0.5, span[0] + 0.5])
    return ((edges[1:] + edges[:-1]) / 2).tolist(), [np.histogram(one, edges)[0] for one in values]


def _by_category(sides: Mapping[str, np.ndarray]) -> tuple[list[Any], list[np.ndarray]]:
    """The categories, the most frequent first, and how often each is there on each side."""
    tallies = [Counter(one.tolist()) for one in sides.values()]
    shown = [name for name, _ in sum(tallies, Counter()).most_common(_SHOWN)]
    return [str(name) for name in shown], [np.array([tally[name] for name in shown]) for tally in tallies]
