"""What a backtest found: per policy its windows and its retrainings, as JSON-able values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from pipelines.core.backtesting.truth import Loss, pooled
from pipelines.core.problem import Task

Outcome = str
"""Of a retraining: `promote`, `keep`, `not_enough_data`, or `failed`."""


@dataclass(frozen=True)
class WindowOutcome:
    """One window: who served it, the verdict at its end, and what its answers cost by the labels that came."""

    start: datetime
    end: datetime
    version: int
    rows: int
    labels: int
    """Known when the window was judged."""
    level: str
    kinds: dict[str, str]
    reasons: Sequence[str]
    numbers: dict[str, float]
    loss: Loss
    asked: str
    """What the policy said: nothing, asked, blocked, dry_run."""
    blocked_by: Sequence[str] = ()

    def to_dict(self, task: Task) -> dict[str, Any]:
        """The window as JSON-able values."""
        return {
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "rows": self.rows,
            "labels": self.labels,
            "verdict": self.level,
            "kinds": dict(self.kinds),
            "loss": self.loss.value(task),
            "loss_rows": self.loss.rows,
            "version": self.version,
            "reasons": list(self.reasons),
            "numbers": dict(self.numbers),
            "asked": self.asked,
            "blocked_by": list(self.blocked_by),
        }


@dataclass(frozen=True)
class Training:
    """One training: when, why, what the gate said, and what it cost."""

    at: datetime
    version: int
    outcome: Outcome
    reasons: Sequence[str]
    """Why it was asked for; empty for the first."""
    gate: Sequence[str]
    path: str | None
    learner: str | None
    rows: int
    labels: int
    cpu_seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The training as JSON-able values."""
        lists = {"reasons": list(self.reasons), "gate": list(self.gate)}
        return {**asdict(self), "at": self.at.isoformat(), **lists}


@dataclass(frozen=True)
class Aftermath:
    """What an alarm preceded: the windows after it, by the release that it was about and by what served in the end."""

    at: datetime
    kinds: Sequence[str]
    reasons: Sequence[str]
    answer: str
    """What became of it: promote, keep, not_enough_data, failed, blocked, or nothing."""
    promised: float | None
    """The loss on the release's own scorecard."""
    left_alone: float | None
    """The loss of the next windows, had the release gone on."""
    actual: float | None
    windows: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values."""
        return {**asdict(self), "at": self.at.isoformat(), "kinds": list(self.kinds), "reasons": list(self.reasons)}


@dataclass(frozen=True)
class PolicyOutcome:
    """One policy over the whole stretch; the first training is not among `retrainings`."""

    name: str
    policy: dict[str, Any]
    task: Task
    windows: Sequence[WindowOutcome]
    trainings: Sequence[Training]
    watch_seconds: float = 0.0
    aftermath: Sequence[Aftermath] = field(default_factory=tuple)
    notes: Sequence[str] = ()

    @property
    def loss(self) -> float | None:
        """Over all labelled rows of all windows."""
        return pooled([one.loss for one in self.windows]).value(self.task)

    @property
    def retrainings(self) -> Sequence[Training]:
        """All but the first training."""
        return self.trainings[1:]

    @property
    def rejected(self) -> int:
        """Retrainings whose challenger stayed outside."""
        return sum(one.outcome != "promote" for one in self.retrainings)

    @property
    def alarms(self) -> int:
        """Windows whose verdict was an alarm."""
        return sum(one.level == "alarm" for one in self.windows)

    def to_dict(self) -> dict[str, Any]:
        """The policy as JSON-able values; `compute_s`: CPU seconds of all its trainings, the first too."""
        return {
            "name": self.name,
            "loss": self.loss,
            "retrainings": len(self.retrainings),
            "rejected": self.rejected,
            "alarms": self.alarms,
            "compute_s": round(sum(one.cpu_seconds for one in self.trainings), 2),
            "watch_s": round(self.watch_seconds, 2),
            "windows": [one.to_dict(self.task) for one in self.windows],
            "trainings": [one.to_dict() for one in self.trainings],
            "aftermath": [one.to_dict() for one in self.aftermath],
            "notes": list(self.notes),
            "policy": self.policy,
        }
