"""Evidence: the held-out rows with what each model answered, from which a scorecard is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Evidence:
    """What a scorecard is made from, one entry per held-out row with a label.

    `ids`: texts that order the rows; `y`: codes or values; `candidate`, `baseline`, `champion`: scores on the
    same rows, (n, classes) or (n,); `clusters`: rows with equal values are dependent; `slices`: column to
    slice texts; `features`: what the search for harmed slices looks at.
    """

    ids: np.ndarray
    y: np.ndarray
    candidate: np.ndarray
    baseline: np.ndarray
    champion: np.ndarray | None = None
    clusters: np.ndarray | None = None
    slices: Mapping[str, np.ndarray] = field(default_factory=dict)
    features: pd.DataFrame | None = None

    def rows(self, chosen: np.ndarray) -> Evidence:
        """The evidence of the chosen rows only, in the order chosen.

        >>> one = Evidence(np.array(["a", "b"]), np.array([0.0, 1.0]), np.zeros(2), np.ones(2))
        >>> one.rows(np.array([1, 0])).ids.tolist()
        ['b', 'a']
        """
        return replace(
            self,
            ids=self.ids[chosen],
            y=self.y[chosen],
            candidate=self.candidate[chosen],
            baseline=self.baseline[chosen],
            champion=None if self.champion is None else self.champion[chosen],
            clusters=None if self.clusters is None else self.clusters[chosen],
            slices={name: values[chosen] for name, values in self.slices.items()},
            features=None if self.features is None else self.features.iloc[chosen],
        )
