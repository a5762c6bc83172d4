"""From a verdict to an action: retrain or not, and what stands in the way."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pipelines.core.drift import LEVELS, Verdict
from pipelines.core.problem import Retraining, write_duration


@dataclass(frozen=True)
class RetrainingHistory:
    """What the policy must know of the past; moments are on the same clock as `now`."""

    last_retraining: datetime | None = None
    """When the last retraining was asked for."""
    pending: str | None = None
    """Key of a request that is still open or running."""
    rejections: int = 0
    """Challengers kept back in a row since the last promotion or the last decision by a person."""


@dataclass(frozen=True)
class RetrainDecision:
    """Whether to retrain: `reasons` ask for it, `blocked_by` says what stands in the way."""

    act: bool
    reasons: list[str]
    blocked_by: list[str]

    def to_dict(self) -> dict[str, Any]:
        """The decision as JSON-able values."""
        return asdict(self)


def decide_retraining(
    policy: Retraining, verdict: Verdict, history: RetrainingHistory, new_labels: int, now: datetime
) -> RetrainDecision:
    """Act when a kind named in the policy asks for it and nothing stands in the way.

    Performance asks with an alarm. Data and prediction drift never reach an alarm: where the policy names
    them, their warning asks. `new_labels` counts the labels that came since the champion's data ended.
    """
    reasons = wishes(policy, verdict)
    if not reasons:
        return RetrainDecision(False, [], [])
    blocked = []
    if not policy.enabled:
        blocked.append("retraining.enabled is false")
    if history.pending:
        blocked.append(f"a retraining is under way already ({history.pending})")
    if history.last_retraining is not None and now < history.last_retraining + policy.cooldown:
        until = history.last_retraining + policy.cooldown
        blocked.append(f"the cooldown of {write_duration(policy.cooldown)} lasts until {until:%Y-%m-%d %H:%M}")
    if new_labels < policy.min_new_labels:
        blocked.append(f"{new_labels} new labels: retraining.min_new_labels is {policy.min_new_labels}")
    if history.rejections >= policy.max_rejections:
        blocked.append(
            f"{history.rejections} challengers were rejected in a row: a person must decide "
            "(promote one by hand, or raise retraining.max_rejections)"
        )
    return RetrainDecision(not blocked, reasons, blocked)


def wishes(policy: Retraining, verdict: Verdict) -> list[str]:
    """The reasons for which this verdict asks for retraining; none means that it does not."""
    found: list[str] = []
    for kind in dict.fromkeys(policy.on):
        one = verdict.kinds.get(kind)
        needed = "alarm" if kind == "performance" else "warning"
        if one is not None and LEVELS.index(one.level) >= LEVELS.index(needed):
            found.extend(f"{kind}: {reason}" for reason in one.reasons)
    return found
