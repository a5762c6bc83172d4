"""What a candidate must reach to be released, and what it must not harm: a section of the problem file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from pipelines.core.problem_parts import Columns, Section, Share


class Behaviour(Section):
    """How the answer must react when one feature of a row is changed and nothing else."""

    feature: str
    """The feature that is changed."""
    add: float | None = None
    """Add this to the number."""
    multiply: float | None = None
    """Multiply the number by this."""
    replace: str | float | bool | None = None
    """Put this in its place."""
    expect: Literal["same", "higher", "lower"]
    """What becomes of the answer (the positive class's probability, or the value); several classes: only `same`."""
    tolerance: float = Field(0.01, ge=0)
    """How far an answer may move the wrong way: a probability, or a share of the label's standard deviation."""
    share: float = Field(0.95, gt=0, le=1)
    """Of the rows that must behave so."""

    @model_validator(mode="after")
    def _one_change(self) -> Behaviour:
        if sum(one is not None for one in (self.add, self.multiply, self.replace)) != 1:
            raise ValueError(f"the behaviour of {self.feature!r} needs one of add, multiply, replace")
        return self


class GoodEnough(Section):
    """What a candidate must reach, and what it must not harm."""

    metric: str | None = None
    """Primary metric; default: log_loss for classification, rmse for regression."""
    minimum: float | None = None
    """The worst value allowed (a maximum for metrics where less is better); a baseline must be beaten anyway."""
    slices: Columns = []
    """Columns whose values are judged one by one."""
    margin: float = Field(0.02, ge=0, lt=1)
    """Non-inferiority margin, relative to the champion's value."""
    slice_margin: float = Field(0.03, ge=0, lt=10)
    """How much worse than the champion, relatively, a slice may get; more, and credibly worse at all, is refused."""
    confidence: Share = 0.95
    """Of every interval and every decision."""
    min_labels: int = Field(20, ge=1)
    """Fewer held-out labels than this are not enough to decide."""
    search_slices: bool = True
    """Look among all features for the slices that got worst too, corrected for looking at many."""
    calibration: float | None = Field(0.1, gt=0)
    """How far, on average, answers may credibly lie from what came: a probability, or a share of the label's standard
    deviation (regression); null: measured, not judged."""
    max_latency_ms: float | None = Field(100.0, gt=0)
    """Milliseconds that one row may take over HTTP (median), measured before release; null: measured, not judged."""
    max_size_mb: float | None = Field(500.0, gt=0)
    """Megabytes that the model's files may have; null: measured, not judged."""
    not_leaks: Columns = []
    """Features that may tell the label almost perfectly: a person knows that they are known in time."""
    protected: Columns = []
    """Columns with people's protected characteristics: fairness is measured between their groups."""
    fairness: Share | None = None
    """The largest gap between groups (demographic parity, equalised odds) allowed; null: measured, not judged."""
    behaviour: list[Behaviour] = []
    """Tests of invariance and direction that the model must pass."""
    explain_seconds: float = Field(20.0, ge=0)
    """Time that the scorecard may spend on explanations; 0: none."""
    approval: bool = False
    """A release that the gate would promote waits for a second person: `ratchet approve`."""
