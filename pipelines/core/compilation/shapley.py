"""Contributions of any model that can be asked: Shapley values by sampled orders, within a time budget.

For models that have no compiled form. Štrumbelj and Kononenko, "Explaining prediction models and individual predictions
with feature contributions", 2014: columns are exchanged one by one, in a random order, from a known row's values to the
values asked about; what each exchange changes is what the column contributes. Every order is walked backwards too
(antithetic), which takes out much of the noise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pipelines.core.compilation.contributions import Contributions, Link, linked

MOST_ORDERS = 50  # pairs of orders, after which more time is not used
_MOST_ROWS = 4_096  # asked about at once
Columns = Mapping[str, np.ndarray]
Score = Callable[[dict[str, np.ndarray], int], np.ndarray]


class OutOfTime(Exception):
    """The time was over before every row had one order walked."""


def sample_contributions(
    score: Score, rows: Columns, background: Columns, link: Link, deadline: float, orders: int = MOST_ORDERS
) -> Contributions:
    """Contributions of each of the columns in `rows`; base + sum is the answer, to the last bit or so.

    `score`: from columns and their number of rows to answers, as `core.scoring.score` gives them. `background`: known
    rows with the same columns. `deadline`: on `time.monotonic()`; OutOfTime where it comes too soon.

    >>> def double(columns, count):
    ...     return columns["a"] * 2 + columns["b"]
    >>> known = {"a": np.zeros(3), "b": np.zeros(3)}
    >>> found = sample_contributions(double, {"a": np.ones(1), "b": np.ones(1)}, known, "identity", float("inf"))
    >>> found.values[0, :, 0].tolist(), found.base.tolist()
    ([2.0, 1.0], [[0.0]])
    """
    names = tuple(rows)
    count, known = len(rows[names[0]]), len(background[names[0]])
    answer = linked(score(dict(rows), count), link)
    total = np.zeros((count, len(names), answer.shape[1]))
    source = np.random.default_rng(0)
    walked = 0
    while walked < orders:
        began = time.monotonic()
        known_row = {name: background[name][source.integers(known)] for name in names}
        order = source.permutation(len(names))
        there = _walk(score, rows, known_row, order, link, deadline)
        total += (there + _walk(score, rows, known_row, order[::-1], link, deadline)) / 2
        walked += 1
        now = time.monotonic()
        if now + (now - began) * 1.5 > deadline:  # another order might not be done in time
            break
    values = total / walked
    return Contributions(names, link, answer - values.sum(axis=1), values)


def _walk(
    score: Score, rows: Columns, known_row: Mapping[str, Any], order: np.ndarray, link: Link, deadline: float
) -> np.ndarray:
    """What each exchange changes, for one order: (rows, columns, outputs)."""
    names = tuple(rows)
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    steps = np.arange(len(names) + 1)
    lot = max(1, _MOST_ROWS // len(steps))
    found = []
    for start in range(0, len(rows[names[0]]), lot):
        if time.monotonic() > deadline:
            raise OutOfTime
        asked = {}
        for position, name in enumerate(names):
            values = rows[name][start : start + lot]
            known = np.empty(1, dtype=values.dtype)
            known[0] = known_row[name]
            asked[name] = np.where(rank[position] < steps, values[:, None], known).ravel()
        scores = linked(score(asked, len(asked[names[0]])), link)
        changes = np.diff(scores.reshape(-1, len(steps), scores.shape[1]), axis=1)
        found.append(changes[:, rank])
    return np.concatenate(found)
