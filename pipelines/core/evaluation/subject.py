"""The subject of an examination: a fitted model, how it is asked, and labelled rows that it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.core.problem import Kind, Task

if TYPE_CHECKING:
    import pandas as pd

Ask = Callable[["pd.DataFrame"], np.ndarray]


@dataclass(frozen=True)
class Subject:
    """One entry per held-out row; the rows are in a canonical order.

    `ask`: from rows with the columns of `kinds` to scores, (n,) values or (n, classes) probabilities; `frame`: the
    model's input; `kinds`: what each feature holds; `y`: codes or values; `scores`: what the model answers to `frame`;
    `clusters`: rows with equal values are dependent.
    """

    task: Task
    metric: str
    ask: Ask
    frame: pd.DataFrame
    kinds: Mapping[str, Kind]
    y: np.ndarray
    scores: np.ndarray
    clusters: np.ndarray | None = None
    classes: Sequence[str] = ()
    confidence: float = 0.95
    seed: int = 0

    def __len__(self) -> int:
        return len(self.y)

    @property
    def how(self) -> dict[str, Any]:
        """How intervals are made: the arguments of `metrics` and `compare`."""
        return {"clusters": self.clusters, "confidence": self.confidence, "seed": self.seed}

    @property
    def names(self) -> list[str]:
        """The features, in the model's order."""
        return list(self.kinds)

    def sample(self, most: int) -> Subject:
        """The same model on a seeded sample of at most so many rows."""
        if len(self) <= most:
            return self
        chosen = np.sort(np.random.default_rng(self.seed).choice(len(self), most, replace=False))
        return replace(
            self,
            frame=self.frame.iloc[chosen].reset_index(drop=True),
            y=self.y[chosen],
            scores=self.scores[chosen],
            clusters=None if self.clusters is None else self.clusters[chosen],
        )

    def ask_each(self, frames: Sequence[pd.DataFrame]) -> list[np.ndarray]:
        """The scores of several tables, asked about together: one call costs little more than one of its tables."""
        import pandas as pd

        ends = np.cumsum([len(frame) for frame in frames])[:-1]
        whole = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
        return np.split(self.ask(whole), ends)

    def answers(self, scores: np.ndarray) -> dict[str, np.ndarray]:
        """What an answer comes down to, by what it is called: a value, or the probability of each class of interest."""
        if self.task == "regression":
            return {"value": scores}
        if self.task == "binary":
            return {f"probability of {self.classes[-1] if self.classes else 'the positive class'}": scores[:, 1]}
        return {f"probability of {name}": scores[:, place] for place, name in enumerate(self.classes)}
