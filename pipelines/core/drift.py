"""What monitoring says of a window: healthy, warning or alarm, per kind, with the reasons.

Data drift and prediction drift warn at most; a loss that is credibly worse than the release's own scorecard
is an alarm. A difference counts only when it is large (its threshold) *and* more than chance explains (its
noise).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from pipelines.core.problem import Problem
from pipelines.core.window_performance import Performance

Level = Literal["unknown", "healthy", "warning", "alarm"]
WatchKind = Literal["performance", "prediction", "data", "quality"]
LEVELS: tuple[Level, ...] = ("unknown", "healthy", "warning", "alarm")
_NAMED = 5  # columns that a reason names; the rest are in the evidence


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
        for name in ("start", "end", "as_of"):
            facts[name] = getattr(self.facts, name).isoformat()
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


def judge_window(problem: Problem, facts: WindowFacts) -> Verdict:
    """The verdict on a window; the same facts always give the same verdict.

    >>> problem = Problem.model_validate({"name": "p", "data": {"source": "p.csv", "target": "y"}})
    >>> now = datetime(2013, 3, 8)
    >>> judge_window(problem, WindowFacts(1, datetime(2013, 3, 1), now, now, rows=3, labels=0)).level
    'unknown'
    """
    watch = problem.monitoring
    if facts.rows < watch.min_rows:
        few = KindVerdict(
            "unknown", [f"{facts.rows} rows are too few to judge: monitoring.min_rows is {watch.min_rows}"]
        )
        kinds: dict[WatchKind, KindVerdict] = {"data": few, "prediction": few, "quality": few}
    else:
        kinds = {
            "data": _data(problem, facts),
            "prediction": _prediction(facts),
            "quality": _quality(problem, facts),
        }
    kinds["performance"] = _performance(problem, facts)
    level = worst([one.level for one in kinds.values()])
    return Verdict(problem.name, level, kinds, facts, _numbers(problem, facts))


def drift_share(scores: Sequence[ColumnScore]) -> float | None:
    """Share of the columns compared that drifted; None when none could be compared."""
    compared = [one for one in scores if one.score is not None]
    return sum(one.drifted for one in compared) / len(compared) if compared else None


def allowed_loss(problem: Problem, facts: WindowFacts) -> float | None:
    """The loss above which a window is an alarm; None when the release's own loss is not known."""
    if facts.reference_loss is None:
        return None
    return facts.reference_loss * (1 + problem.monitoring.thresholds.loss)


def _data(problem: Problem, facts: WindowFacts) -> KindVerdict:
    share, limit = drift_share(facts.columns), problem.monitoring.thresholds.share
    if share is None:
        return KindVerdict("unknown", ["no column could be compared with the reference"])
    drifted = sorted((one for one in facts.columns if one.drifted), key=lambda one: -(one.score or 0) / one.bar)
    named = ", ".join(f"{one.name} {one.score:.2f} (limit {one.bar:.2f})" for one in drifted[:_NAMED])
    if share < limit:
        return KindVerdict("healthy", [f"drifted, but too few to matter: {named}"] if drifted else [])
    return KindVerdict("warning", [f"{share:.0%} of the columns drifted (limit {limit:.0%}): {named}"])


def _prediction(facts: WindowFacts) -> KindVerdict:
    one = facts.prediction
    if one is None or one.score is None:
        return KindVerdict("unknown", [one.note if one and one.note else "no predictions of this release to compare"])
    if not one.drifted:
        return KindVerdict("healthy")
    return KindVerdict("warning", [f"the answers drifted: {one.method} {one.score:.2f} (limit {one.bar:.2f})"])


def _quality(problem: Problem, facts: WindowFacts) -> KindVerdict:
    limit = problem.monitoring.thresholds.missing
    gone, reasons = [], []
    for one in facts.quality:
        if one.missing == 1 and one.missing_before < 0.5:
            gone.append(f"{one.name} is missing in every row ({one.missing_before:.0%} in the reference)")
        elif one.missing - one.missing_before > limit:
            before = f"up from {one.missing_before:.0%}"
            reasons.append(f"{one.name} is missing in {one.missing:.0%} of the rows, {before}")
        shares = {"in unseen categories": one.unseen, "outside the range seen": one.outside}
        for what, share in {**shares, "against the contract": one.broken}.items():
            if share > limit:
                reasons.append(f"{one.name}: {share:.0%} of the values are {what}")
    level: Level = "alarm" if gone else "warning" if reasons else "healthy"
    return KindVerdict(level, gone + reasons)


def _performance(problem: Problem, facts: WindowFacts) -> KindVerdict:
    found, needed = facts.performance, problem.monitoring.min_labels
    if found is None or found.labels < needed:
        labels = found.labels if found else 0
        return KindVerdict("unknown", [f"{labels} labels for version {facts.version}: {needed} are needed"])
    limit = allowed_loss(problem, facts)
    if limit is None:
        return KindVerdict("unknown", [f"the release's scorecard has no {found.metric} to compare with"])
    text = f"{found.metric} {found.value:.3f} ({found.low:.3f} to {found.high:.3f}), limit {limit:.3f}"
    if found.low > limit:
        return KindVerdict("alarm", [f"the loss is credibly above its limit: {text}"])
    if found.value > limit:
        return KindVerdict("warning", [f"the loss is above its limit, but it may be chance: {text}"])
    return KindVerdict("healthy")


def _numbers(problem: Problem, facts: WindowFacts) -> dict[str, float]:
    """What the dashboard draws; a number that is not known is left out."""
    found = facts.performance
    rises = [one.missing - one.missing_before for one in facts.quality]
    prediction = facts.prediction
    numbers: dict[str, float | None] = {
        "rows": facts.rows,
        "labels": facts.labels,
        "drifted columns": drift_share(facts.columns),
        "drifted columns, limit": problem.monitoring.thresholds.share,
        "prediction drift": prediction.score if prediction else None,
        "prediction drift, limit": prediction.bar if prediction else None,
        "largest rise of missing values": max(rises, default=None),
        "loss": found.value if found else None,
        "loss, low": found.low if found else None,
        "loss, high": found.high if found else None,
        "loss, limit": allowed_loss(problem, facts),
        "skill against the base rate": found.skill if found else None,
        "calibration gap": found.calibration_gap if found else None,
    }
    return {name: float(value) for name, value in numbers.items() if value is not None}
