"""From a model's sums to answers, and back to what the sums' parts mean for an answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipelines.core.compilation.contributions import Contributions, Link, linked

_FEW = 24  # rows up to which numbers one by one are quicker than columns
KINDS = ("value", "sigmoid", "softmax", "share")
"""A value; the log-odds of two classes; the log-weights of several; shares of classes, of two only the second's."""


class AnswerLink:
    """Sums (n, outputs) become values (n,), or probabilities (n, k) smoothed as `AllClasses` smooths them."""

    def __init__(self, kind: str, classes: Mapping[str, Any] | None, outputs: int) -> None:
        """`classes`: how many there are, which were present in training, and how many rows there were."""
        self._kind = kind
        self._classes = classes
        if kind not in KINDS or (classes is None) is not (kind == "value"):
            raise ValueError(f"answers of kind {kind!r} do not go with these classes")
        if classes is None:
            if outputs != 1:
                raise ValueError(f"one value is due, there are {outputs}")
            return
        self._count, self._rows = int(classes["count"]), int(classes["rows"])
        self._present = np.array(classes["present"], dtype=np.int64)
        # With two classes one sum is enough: the probability of the other is what is left.
        self._halved = kind == "sigmoid" or (kind == "share" and outputs == 1 and len(self._present) == 2)
        if (
            outputs != (1 if self._halved else len(self._present))
            or (self._halved and len(self._present) != 2)
            or not (np.diff(self._present) > 0).all()
            or not 0 <= self._present[0] <= self._present[-1] < self._count
        ):
            raise ValueError("the classes do not fit the model's sums")
        self._whole = len(self._present) == self._count

    def nothing(self) -> np.ndarray:
        """The answers to no rows."""
        return np.empty(0) if self._classes is None else np.empty((0, self._count))

    def answer(self, sums: np.ndarray) -> np.ndarray:
        """Values (n,), or probabilities (n, k)."""
        if self._classes is None:
            return sums[:, 0]
        if self._kind == "sigmoid" and self._whole and len(sums) <= _FEW:
            return np.array([self._pair(one) for one in sums[:, 0].tolist()])
        if self._halved:
            found = np.empty((len(sums), 2))
            if self._kind == "sigmoid":  # beyond 700 the exponential overflows, and nothing changes any more
                found[:, 1] = 1.0 / (1.0 + np.exp(-np.minimum(np.maximum(sums[:, 0], -700.0), 700.0)))
            else:
                found[:, 1] = sums[:, 0]
            found[:, 0] = 1.0 - found[:, 1]
        elif self._kind == "softmax":
            found = np.exp(sums - sums.max(axis=1, keepdims=True))
            found /= found.sum(axis=1, keepdims=True)
        else:
            found = sums
        if not self._whole:
            full = np.zeros((len(sums), self._count))
            full[:, self._present] = found
            found = full
        return (found * self._rows + 1 / self._count) / (self._rows + 1)

    def _pair(self, log_odds: float) -> tuple[float, float]:
        """Two classes' probabilities; for a few rows quicker than whole columns."""
        even = math.exp(-abs(log_odds))
        likely = 1.0 / (1.0 + even)
        first, second = (1.0 - likely, likely) if log_odds >= 0 else (likely, even / (1.0 + even))
        rows = self._rows
        return (first * rows + 0.5) / (rows + 1), (second * rows + 0.5) / (rows + 1)

    def contributions(self, found: np.ndarray, scores: np.ndarray, sources: tuple[str, ...]) -> Contributions:
        """Contributions to the sums, (n, sources, outputs), as contributions to the answers `scores`."""
        link: Link = "identity"
        if self._classes is not None:
            if self._kind == "share":
                found = found * (self._rows / (self._rows + 1))  # the smoothing is a straight line
            else:
                link = "logit" if self._count == 2 else "softmax"
            found = self._by_class(found)
        return Contributions(sources, link, linked(scores, link) - found.sum(axis=1), found)

    def _by_class(self, found: np.ndarray) -> np.ndarray:
        """One output for two classes, else one for each class of the contract."""
        if self._halved and self._count > 2:
            found = np.concatenate([-found if self._kind == "share" else np.zeros_like(found), found], axis=2)
        if self._count == 2:
            return found[:, :, -1:]
        full = np.zeros((*found.shape[:2], self._count))
        full[:, :, self._present] = found
        return full
