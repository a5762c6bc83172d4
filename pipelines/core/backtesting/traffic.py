"""The rows that would have been asked about, in the order of their moments, as a prediction log would hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from pipelines.core.contract import Contract
from pipelines.core.observation import Answered
from pipelines.core.watching.exact_counts import ExactCounts
from pipelines.core.watching.view import ColumnCounts, View


@dataclass(frozen=True)
class Traffic:
    """n rows by moment: contract-typed features with their history columns as they were known when each was asked.

    `moments`, `known`: datetime64[us]; `known` is when the label became known, NaT: never. `labels`: class index or
    value, NaN where there is none. `order` (n,) is random and fixed: samples take the rows that come first by it.
    """

    contract: Contract
    history: Sequence[str]
    frame: pd.DataFrame
    moments: np.ndarray
    known: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    order: np.ndarray
    refused: int = 0
    """Rows that break the contract: a service answers them with an error, and they are in no log."""

    def __len__(self) -> int:
        return len(self.frame)

    def between(self, start: datetime, end: datetime) -> Traffic:
        """The rows asked about in [start, end)."""
        first, last = np.searchsorted(self.moments, [naive(start), naive(end)])
        rows = slice(int(first), int(last))
        return replace(
            self,
            frame=self.frame.iloc[rows],
            moments=self.moments[rows],
            known=self.known[rows],
            labels=self.labels[rows],
            ids=self.ids[rows],
            order=self.order[rows],
        )

    def labels_at(self, moment: datetime) -> np.ndarray:
        """(n,) the labels that were known then; NaN for the others."""
        return np.where(self.known <= naive(moment), self.labels, np.nan)

    def new_labels(self, since: datetime, until: datetime) -> int:
        """How many labels became known in (since, until]."""
        fresh = (self.known > naive(since)) & (self.known <= naive(until))
        return int((fresh & np.isfinite(self.labels)).sum())


@dataclass(frozen=True)
class Served:
    """A window's rows with the answers that they got; `scores` as `core.scoring.score` gives them."""

    traffic: Traffic
    scores: np.ndarray
    version: int
    """The release that served at the window's end."""
    start: datetime
    end: datetime
    versions: np.ndarray | None = None
    """(n,) which release answered each row; None: `version` all of them."""

    @property
    def answered_by(self) -> np.ndarray:
        """(n,) which release answered each row."""
        return np.full(len(self.traffic), self.version) if self.versions is None else self.versions

    def has(self, version: int) -> bool:
        """Whether this release served in the window, be it without a row."""
        return version == self.version or (self.versions is not None and bool((self.versions == version).any()))


@dataclass(frozen=True)
class Look:
    """What of a served window never changes: exact counts, and the rows of the sample; labels are joined afresh."""

    served: Served
    chosen: np.ndarray
    counts: Sequence[ColumnCounts]

    @classmethod
    def of(cls, served: Served, size: int) -> Look:
        """The look at a window by a sample of at most `size` rows, by moment and id."""
        traffic = served.traffic
        chosen = np.argsort(traffic.order, kind="stable")[:size]
        placed = np.lexsort((traffic.ids[chosen].astype(str), traffic.moments[chosen]))
        return cls(served, chosen[placed], exact_counts(traffic))

    def view(self, as_of: datetime) -> View:
        """The window with the labels known at `as_of`."""
        served, traffic, chosen = self.served, self.served.traffic, self.chosen
        versions, counts = np.unique(served.answered_by, return_counts=True)
        sample = Answered(
            frame=traffic.frame.iloc[chosen].reset_index(drop=True),
            moments=traffic.moments[chosen],
            scores=served.scores[chosen],
            labels=traffic.labels_at(as_of)[chosen],
            broken={},
        )
        return View(
            start=served.start,
            end=served.end,
            as_of=as_of,
            rows=len(traffic),
            versions={int(version): int(count) for version, count in zip(versions, counts, strict=True)},
            counts=self.counts,
            sample=sample,
            sample_versions=served.answered_by[chosen],
        )

    def known_labels(self, as_of: datetime) -> int:
        """How many of the sample's labels are known at `as_of`."""
        return int(np.isfinite(self.served.traffic.labels_at(as_of)[self.chosen]).sum())


def exact_counts(traffic: Traffic) -> list[ColumnCounts]:
    """Counts of each feature and history feature over all rows; rows that break the contract are not among them."""
    counts = ExactCounts(traffic.contract, traffic.history)
    frame = traffic.frame
    inputs = {
        one.name: frame[one.name].tolist() if frame[one.name].dtype == object else frame[one.name].to_numpy()
        for one in traffic.contract.features
    }
    counts.add(len(frame), inputs, {name: frame[name].to_numpy(dtype=np.float64) for name in traffic.history})
    return counts.columns


def naive(moment: datetime) -> np.datetime64:
    """A moment in UTC as datetime64[us]."""
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment, "us")
