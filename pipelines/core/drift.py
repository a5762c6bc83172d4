"""What monitoring says of a window: healthy, warning or alarm, per kind, with the reasons and what they rest on.

Data drift warns; performance triggers; the gate decides. How a window is judged is said in `core/watching`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from pipelines.core.window_performance import Performance

Level = Literal["unknown", "healthy", "warning", "alarm"]
WatchKind = Literal["performance", "calibration", "estimate", "prediction", "data", "quality"]
LEVELS: tuple[Level, ...] = ("unknown", "healthy", "warning", "alarm")


@dataclass(frozen=True)
class ColumnScore:
    """How far one column of the window is from the reference, by a method named."""

    name: str
    method: str
    score: float | None
    """None where nothing could be compared; `note` says why."""
    threshold: float
    noise: float = 0.0
    """What chance alone explains at these sample sizes."""
    note: str | None = None
    p_value: float | None = None
    """Chance of such a score were there no drift."""
    usage: float | None = None
    """Share of what the model goes by; None where nobody found out."""
    harm: float | None = None
    """Estimated effect on the loss, in the units of the scorecard's."""
    harm_share: float | None = None
    """The same as a share of the release's loss."""
    baseline: str = ""
    """What it was compared with: of several, the one that it is nearest to."""

    @property
    def bar(self) -> float:
        """The score from which on the column counts as drifted."""
        return max(self.threshold, self.noise)

    @property
    def drifted(self) -> bool:
        """Larger than the threshold and more than chance."""
        return self.score is not None and self.score > self.bar


@dataclass(frozen=True)
class ColumnQuality:
    """Exact shares over all rows of the window, and what the reference had."""

    name: str
    missing: float
    missing_before: float
    unseen: float = 0.0
    """Share of values in categories that training never saw."""
    outside: float = 0.0
    """Share of values outside the range that training saw."""
    broken: float = 0.0
    """Share of values that break the contract."""
    unseen_before: float = 0.0
    outside_before: float = 0.0
    usage: float | None = None
    """Share of what the model goes by; None where nobody found out."""
    harm: float | None = None
    """Estimated effect of the missing and unseen values on the loss."""


@dataclass(frozen=True)
class KindVerdict:
    """The level of one kind, and why."""

    level: Level
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class WindowFacts:
    """Everything that is known of a window before it is judged."""

    version: int
    start: datetime
    end: datetime
    as_of: datetime
    rows: int
    labels: int
    columns: Sequence[ColumnScore] = ()
    prediction: ColumnScore | None = None
    quality: Sequence[ColumnQuality] = ()
    performance: Performance | None = None
    reference_loss: float | None = None
    """Of the release's own scorecard, in the metric of `performance`."""
    coverage: float | None = None
    """Share of the window's answered rows whose label is known."""
    newest_label: datetime | None = None
    """The moment of the newest answer that has a label, in this window or an earlier one."""
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Verdict:
    """The judgement of one window: `level` is the worst of its kinds."""

    problem: str
    level: Level
    kinds: dict[WatchKind, KindVerdict]
    facts: WindowFacts
    numbers: dict[str, float]

    @property
    def reasons(self) -> list[str]:
        """The reasons of all kinds that are not healthy, worst first."""
        ordered = sorted(self.kinds.values(), key=lambda one: -LEVELS.index(one.level))
        return [reason for one in ordered if one.level != "healthy" for reason in one.reasons]

    def to_dict(self) -> dict[str, Any]:
        """The verdict as JSON-able values; moments in ISO 8601."""
        facts = asdict(self.facts)
        for name in ("start", "end", "as_of", "newest_label"):
            moment = getattr(self.facts, name)
            facts[name] = None if moment is None else moment.isoformat()
        for row, score in zip(facts["columns"], self.facts.columns, strict=True):
            row["drifted"] = score.drifted
        if facts["prediction"] is not None and self.facts.prediction is not None:
            facts["prediction"]["drifted"] = self.facts.prediction.drifted
        kinds = {kind: asdict(one) for kind, one in self.kinds.items()}
        own = {"problem": self.problem, "level": self.level, "kinds": kinds, "reasons": self.reasons}
        return {**own, **facts, "numbers": self.numbers}


def worst(levels: Sequence[Level]) -> Level:
    """The worst level; `unknown` counts least, since it says nothing.

    >>> worst(["healthy", "unknown", "warning"])
    'warning'
    """
    return max(levels, key=LEVELS.index, default="unknown")
