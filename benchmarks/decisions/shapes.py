"""The shapes of data that duels are fought on."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.core.problem import Task

SHARED = 0.40
"""Of the latent variance, what champion and challenger both know (area under the curve about 0.8)."""
OWN = 0.03
"""What each knows alone: two fits of one problem agree to 0.93, not to 1."""
DAILY = 0.10
"""Where rows depend on each other, the share of everything that a day's rows have in common."""
CARRIED = 0.5
"""How much of a day's state is still there the day after."""


@dataclass(frozen=True)
class Shape:
    """`positive`: share of positive labels, None for regression; `days`: over which rows depend, None: not at all."""

    rows: int
    positive: float | None
    days: int | None

    @property
    def name(self) -> str:
        """As the tables call it."""
        labels = "regression" if self.positive is None else f"{self.positive:.0%} positive"
        return f"{labels}, {'by day' if self.days else 'independent'}, {self.rows:,} labels"

    @property
    def task(self) -> Task:
        """As a problem file calls it."""
        return "regression" if self.positive is None else "binary"

    @property
    def primaries(self) -> tuple[str, ...]:
        """The metrics that the gate is asked to decide by: the default first."""
        return ("rmse",) if self.positive is None else ("log_loss", "roc_auc")

    @property
    def daily(self) -> float:
        """The share of everything that rows of one day have in common."""
        return DAILY if self.days else 0.0


_DAYS = {1_000: 40, 5_000: 60, 20_000: 90}
SHAPES = tuple(
    Shape(rows, positive, days)
    for rows in (1_000, 5_000, 20_000)
    for positive in (0.5, 0.03, None)
    for days in (None, _DAYS[rows])
    if rows == 5_000 or (rows == 1_000 and positive) or (positive, days) in ((0.5, None), (0.03, _DAYS[20_000]))
)
