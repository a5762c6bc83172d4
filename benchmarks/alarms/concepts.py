"""What makes the labels: the true signal of each row, before and after the change."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from benchmarks.alarms.streams import Stream

_SLOPES = np.array([0.9, -0.8, 0.5, 0.3, 0.0])  # the last column tells nothing
_OF_REGIONS = np.array([0.0, 0.3, -0.3, 0.6])
_OF_CLASSES = np.array([[1.0, -0.5, 0.3, 0.0, 0.0], [-0.5, 0.9, 0.0, 0.3, 0.0], [0.0, 0.0, -0.4, -0.5, 0.0]])
_ON, _OFF = 40, 50
_SATURATED = 0.5


class Concepts:
    """The true signal: logits (binary), one per class (multiclass), or the mean (regression), drawn once per seed."""

    def __init__(self, stream: Stream, source: np.random.Generator) -> None:
        self._stream = stream
        mixed = source.uniform(0.8, 1.2, len(_SLOPES))
        self._slopes = _SLOPES * mixed
        self._of_classes = _OF_CLASSES * mixed
        self._base = 0.0
        if stream.task == "binary":
            spread = source.standard_normal((4000, len(_SLOPES))) @ self._slopes + _OF_REGIONS.mean()
            self._base = float(brentq(lambda base: expit(base + spread).mean() - stream.positive, -20, 20))

    def signal(self, values: np.ndarray, region: np.ndarray, day: np.ndarray, onset: int | None) -> np.ndarray:
        """(n,) or (n, classes): `values` standardised (n, 5), `region` codes, `day` since the release."""
        turned = self._turned(day, onset)[:, None]
        if self._stream.covariates == "beyond":
            # rises up to a point and falls beyond it; the release sees next to nothing of what lies there
            values = values.copy()
            values[:, 0] = np.where(values[:, 0] > _SATURATED + 1, 2 * (_SATURATED + 1) - values[:, 0], values[:, 0])
        if self._stream.task == "multiclass":
            return self._classes(values, region, turned)
        moved = self._slopes.copy()
        moved[:2] = -0.4 * moved[:2] if self._stream.concept != "labels" else moved[:2]
        found = values @ self._slopes + (values @ (moved - self._slopes)) * turned[:, 0]
        found = found + _OF_REGIONS[region]
        if self._stream.concept == "labels":
            found = found + 0.9 * turned[:, 0]
        return 10 + 2.0 * found if self._stream.task == "regression" else self._base + found

    def _classes(self, values: np.ndarray, region: np.ndarray, turned: np.ndarray) -> np.ndarray:
        found = values @ self._of_classes.T + np.outer(_OF_REGIONS[region], [1.0, 0.0, -1.0])
        if self._stream.concept == "labels":
            return found + turned * np.array([0.9, 0.0, 0.0])
        moved = values @ np.roll(self._of_classes, 1, axis=0).T
        return found + turned * 0.6 * (moved - values @ self._of_classes.T)

    def _turned(self, day: np.ndarray, onset: int | None) -> np.ndarray:
        """How far the concept has turned by each day: 0 is as the release learnt it."""
        kind = self._stream.concept
        if onset is None or kind == "still":
            return np.zeros(len(day))
        if kind == "gradual":
            return self._stream.strength * np.clip((day - onset) / 90, 0, 1)
        if kind == "recurring":
            return self._stream.strength * ((day >= onset) & ((day - onset) % (_ON + _OFF) < _ON))
        return self._stream.strength * (day >= onset)
