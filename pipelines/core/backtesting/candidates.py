"""Models that a replay trains, and what the gate said of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
import pandas as pd

from pipelines.core.checks.decision import Change, Decision
from pipelines.core.errors import NotEnoughData
from pipelines.core.watching.release_side import ReleaseSide


class Candidate(Protocol):
    """A model trained on what was known at `as_of`."""

    @property
    def as_of(self) -> datetime:
        """When it was trained."""

    @property
    def labels(self) -> int:
        """Labelled rows that were known then."""

    def score(self, frame: pd.DataFrame) -> np.ndarray:
        """Its answers, as `core.scoring.score` gives them."""

    def side(self, version: int) -> ReleaseSide:
        """What monitoring compares its windows with."""


@dataclass(frozen=True)
class Tried:
    """A training and what the gate said of it; without a candidate it failed, and `why` says of what."""

    candidate: Candidate | None
    decision: Decision | None
    why: str | None
    learner: str | None
    rows: int
    cpu_seconds: float

    @property
    def outcome(self) -> str:
        """What became of it."""
        return "failed" if self.decision is None else self.decision.outcome

    @property
    def lost(self) -> bool:
        """Whether it met the champion and stayed outside, decided or not."""
        if self.decision is None:
            return False
        undecided = any(check.name == "gain" for check in self.decision.checks)
        return self.outcome == "keep" or (self.outcome == "not_enough_data" and undecided)


class Trainer(Protocol):
    """Trains as of a moment and lets the gate decide against the champion of the moment."""

    def __call__(self, as_of: datetime, champion: tuple[Candidate, int] | None, change: Change | None) -> Tried:
        """The training; the same moment always gives the same candidate."""


def first_champion(at: datetime, tried: Tried) -> Candidate:
    """The candidate that a beginning is made with; NotEnoughData says why there is none, and what to do."""
    if tried.candidate is None or tried.outcome != "promote":
        why = tried.why or "; ".join(tried.decision.reasons if tried.decision is not None else ())
        raise NotEnoughData(
            f"no release to begin with on {at:%Y-%m-%d}: {why}. Begin later (--from), when more is known"
        )
    return tried.candidate
