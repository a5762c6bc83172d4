"""What each column added to an answer: one shape for every way to find it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Link = Literal["logit", "softmax", "identity"]


@dataclass(frozen=True, eq=False)
class Contributions:
    """Per row: base + the sum over sources = the answer, seen through the link.

    `logit`: one output, the log-odds of the last class. `softmax`: one output per class, and the softmax of them is the
    probabilities. `identity`: the value; or the probability, of the last class where there are two, else of each.
    """

    sources: tuple[str, ...]
    link: Link
    base: np.ndarray
    """Float64 (rows, outputs)."""
    values: np.ndarray
    """Float64 (rows, sources, outputs)."""


def linked(scores: np.ndarray, link: Link) -> np.ndarray:
    """Answers as they look through the link: (rows, outputs) from (rows,) values or (rows, k) probabilities.

    >>> linked(np.array([[0.5, 0.5]]), "logit").tolist()
    [[0.0]]
    """
    if scores.ndim == 1:
        return scores[:, None]
    if link == "identity":
        return scores[:, 1:] if scores.shape[1] == 2 else scores
    safe = np.log(np.maximum(scores, 1e-300))
    return safe[:, 1:] - safe[:, :1] if link == "logit" else safe


def to_sources(values: np.ndarray, owners: Sequence[str], sources: tuple[str, ...]) -> np.ndarray:
    """From encoded columns back to the sources they were made of: (rows, sources, k) from (rows, width, k)."""
    out = np.zeros((values.shape[0], len(sources), values.shape[2]))
    place = {name: position for position, name in enumerate(sources)}
    for number, owner in enumerate(owners):
        out[:, place[owner]] += values[:, number]
    return out
