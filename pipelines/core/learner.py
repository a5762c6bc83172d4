"""What a learner is: how it is built, its defaults, what a search may vary, and when it is affordable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pipelines.core.features import Flavour
from pipelines.core.problem import Task

Params = dict[str, Any]
ALL_TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")


class Trial(Protocol):
    """What a search space asks for its values; an Optuna trial is one."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number between `low` and `high`."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """A whole number from `low` to `high`."""


@dataclass(frozen=True)
class Size:
    """What a learner must cope with: rows, columns after the transformer, scores per row, fits per trial."""

    task: Task
    rows: int
    columns: int
    outputs: int = 1
    fits: int = 1


@dataclass(frozen=True)
class Learner:
    """One entry of the catalogue."""

    name: str
    tasks: tuple[Task, ...]
    flavour: Flavour
    build: Callable[[Task, Params, int, int], Any]
    """(task, params, seed, threads) to an unfitted scikit-learn estimator."""
    defaults: Callable[[Size], list[Params]]
    """Parameters tried first, the best guess foremost; complete, so that `space` may vary some of them."""
    space: Callable[[Trial, Size], Params]
    """Parameters that the search varies."""
    affordable: Callable[[Size], bool]
    """Whether it is among the defaults at this size; a learner asked for by name is always built."""
    rounds: str | None = None
    """Boosting: the parameter that counts rounds. One fit then tells the score after any smaller number."""
