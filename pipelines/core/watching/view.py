"""What monitoring sees of a stretch of the prediction log: exact counts over all rows, and a sample of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from pipelines.core.observation import Answered


@dataclass(frozen=True)
class ColumnCounts:
    """Exact counts of one feature over all rows of a stretch, each as a number of rows."""

    name: str
    missing: int = 0
    """Without a value, or with one that cannot be used: those are `broken` too."""
    unseen: int = 0
    """Present, in a category that training never saw."""
    outside: int = 0
    """Present, outside the range that training saw."""
    broken: int = 0
    """Against the contract."""


@dataclass(frozen=True)
class View:
    """A stretch [start, end) of the log with the labels known at `as_of` (all UTC).

    The sample is chosen by a hash of the prediction ids, so that the same rows are chosen in whatever order they and
    their labels came; where `rows` is no more than its size it is all of them. Its rows stand by moment, then id.
    """

    start: datetime
    end: datetime
    as_of: datetime
    rows: int
    versions: dict[int, int]
    """Rows by the release that answered."""
    counts: Sequence[ColumnCounts]
    sample: Answered
    sample_versions: np.ndarray
    """(len(sample),) the release that answered each row of the sample."""

    def of(self, version: int) -> Answered:
        """The rows of the sample that one release answered."""
        return self.sample.rows(self.sample_versions == version)
