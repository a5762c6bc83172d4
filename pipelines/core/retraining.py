"""From a verdict to an action: retrain or not, and what stands in the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from pipelines.core.drift import LEVELS, Verdict
from pipelines.core.problem import Problem, Retraining, write_duration

YEAR = timedelta(days=365)
REGULAR = ("every", "growth", "schedule")
"""What asks for training though nothing is wrong; a challenger that loses then says nothing of an alarm's worth."""
_BY_WARNING = ("estimate", "prediction", "data")  # kinds that never reach an alarm


@dataclass(frozen=True)
class Labels:
    """The labels that a training now could learn from, beyond those that the champion had."""

    new: int = 0
    """That became known since the champion's data ended, up to now."""
    since: datetime | None = None
    """When the champion's data ended (its `as_of`)."""
    known: int | None = None
    """Labelled rows in the champion's data; None where nobody counted them."""


@dataclass(frozen=True)
class RetrainingHistory:
    """What the policy must know of the past; moments are on the same clock as `now`."""

    asked: Sequence[datetime] = ()
    """When retrainings were asked for, in any order."""
    pending: str | None = None
    """Key of a request that is still open or running."""
    rejections: int = 0
    """Challengers kept back in a row since the last promotion or the last decision by a person; those of regular
    trainings (`REGULAR`) do not count."""
    tried: Labels | None = None
    """The labels as they stood when the last retraining was asked for."""
    needed: int | None = None
    """More labels, held out or not, that would settle what those of the last retraining could not, as the gate reckons;
    None: it did not say."""
    rehearsed: Sequence[datetime] = ()
    """When a dry run would have asked."""

    @property
    def last_retraining(self) -> datetime | None:
        """When the last retraining was asked for."""
        return max(self.asked, default=None)


@dataclass(frozen=True)
class RetrainDecision:
    """Whether to retrain: `reasons` ask for it, `blocked_by` says what stands in the way."""

    act: bool
    reasons: list[str]
    blocked_by: list[str]
    dry_run: bool = False
    """Whether it would have acted, were it not for `retraining.dry_run`."""
    triggers: list[str] = field(default_factory=list)
    """What the reasons are: kinds of the verdict, `every`, `growth`, `schedule`."""
    obstacles: list[str] = field(default_factory=list)
    """What `blocked_by` is about, by the name of its setting."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What was looked at; JSON."""

    @property
    def outcome(self) -> str:
        """`nothing`, `asked`, `dry_run` or `blocked`."""
        if self.act:
            return "asked"
        return "dry_run" if self.dry_run else "blocked" if self.reasons else "nothing"

    def to_dict(self) -> dict[str, Any]:
        """The decision as JSON-able values."""
        return asdict(self) | {"outcome": self.outcome}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> RetrainDecision:
        """The decision that `to_dict` wrote, by this version or an earlier one."""
        names = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in kept.items() if name in names})


def decide_retraining(
    policy: Retraining,
    verdict: Verdict | None,
    history: RetrainingHistory,
    labels: Labels,
    now: datetime,
    scheduled: bool = False,
) -> RetrainDecision:
    """Act when something that the policy names asks for it and nothing stands in the way; pure.

    A verdict asks by an alarm of a kind in `retraining.on` (by a warning, where the kind never alarms); age
    (`every`), new labels (`growth`) and, with `scheduled`, the cron expression ask whatever the verdict is.

    >>> policy = Retraining(every=timedelta(days=28))
    >>> labels = Labels(new=500, since=datetime(2013, 3, 1))
    >>> decide_retraining(policy, None, RetrainingHistory(), labels, datetime(2013, 3, 29)).reasons
    ['every: the last training is 28 days old: retraining.every is 4w']
    """
    wished = wishes(policy, verdict, history, labels, now, scheduled)
    tripped = _breaker(policy, history, labels)
    if tripped:  # the breaker holds back what alarms ask for, and that alone
        wished = [(trigger, reason) for trigger, reason in wished if trigger in REGULAR] or wished
    reasons = [f"{trigger}: {reason}" for trigger, reason in wished]
    triggers = list(dict.fromkeys(trigger for trigger, _ in wished))
    asked = [*history.asked, *(history.rehearsed if policy.dry_run else [])]
    facts = _facts(history, labels, asked, now)
    if not reasons:
        return RetrainDecision(False, [], [], facts=facts)
    stops = _obstacles(policy, history, asked, now)
    if not set(triggers) & set(REGULAR):
        stops |= tripped
    if "schedule" not in triggers:  # a person chose those moments
        stops |= _too_soon(policy, history, labels, max(asked, default=None), now)
    would = not stops
    if would and policy.dry_run:
        stops = {"dry_run": "retraining.dry_run is true: it is recorded, and nothing is asked for"}
    blocked, dry = list(stops.values()), would and policy.dry_run
    return RetrainDecision(not stops, reasons, blocked, dry, triggers, list(stops), facts)


def wishes(
    policy: Retraining,
    verdict: Verdict | None,
    history: RetrainingHistory,
    labels: Labels,
    now: datetime,
    scheduled: bool = False,
) -> list[tuple[str, str]]:
    """What asks for retraining, and why; none means that nothing does."""
    found: list[tuple[str, str]] = []
    kinds = {} if verdict is None else verdict.kinds
    for kind in dict.fromkeys(policy.on):
        one = kinds.get(kind)
        needed = "warning" if kind in _BY_WARNING else "alarm"
        if one is not None and LEVELS.index(one.level) >= LEVELS.index(needed):
            found += [(kind, reason) for reason in one.reasons or [f"it is at {one.level}"]]
    last = max((one for one in (history.last_retraining, labels.since) if one is not None), default=None)
    if policy.every is not None and last is not None and now >= last + policy.every:
        text = f"the last training is {(now - last) / timedelta(days=1):.4g} days old: retraining.every is"
        found.append(("every", f"{text} {write_duration(policy.every)}"))
    found += _growth(policy, history, labels)
    if scheduled:
        found.append(("schedule", f"it is due by retraining.schedule ({policy.schedule})"))
    return found


def fresh_labels(history: RetrainingHistory, labels: Labels) -> int:
    """Labels that no training has seen: beyond the champion's, and beyond those of a challenger since."""
    return labels.new - _tried(history, labels)


def in_all(problem: Problem, held_out: int | None) -> int | None:
    """How many labels must come for so many more to be held out."""
    return None if held_out is None else ceil(held_out / problem.split.test)


def _growth(policy: Retraining, history: RetrainingHistory, labels: Labels) -> list[tuple[str, str]]:
    """Measured from the last training: one that lost is tried again when as many labels have come as the gate reckons
    would settle it, but no sooner than half of the growth, and no later than all of it."""
    if policy.growth is None or not labels.known:
        return []
    tried = _tried(history, labels)
    before, fresh = labels.known + tried, fresh_labels(history, labels)
    whole = wanted = policy.growth * before
    if tried:
        wanted = min(max(whole / 2, history.needed or 0), whole)
    if fresh < wanted:
        return []
    text = f"{fresh:,} labels have come since the last training, which knew {before:,}: retraining.growth is"
    less = f", and {wanted:,.0f} were enough after a challenger that lost" if wanted < whole else ""
    return [("growth", f"{text} {policy.growth:g}{less}")]


def _tried(history: RetrainingHistory, labels: Labels) -> int:
    """New labels that a challenger to the present champion had already."""
    tried = history.tried
    if tried is None or tried.since != labels.since:
        return 0
    return min(tried.new, labels.new)


def _obstacles(
    policy: Retraining, history: RetrainingHistory, asked: Sequence[datetime], now: datetime
) -> dict[str, str]:
    """What stands in the way of any training, by the setting's name."""
    stops = {}
    if not policy.enabled:
        stops["enabled"] = "retraining.enabled is false"
    if history.pending:
        stops["pending"] = f"a retraining is under way already ({history.pending})"
    year = sorted(moment for moment in asked if now - YEAR < moment <= now)
    if len(year) >= policy.budget:
        free = year[-policy.budget] + YEAR
        stops["budget"] = (
            f"{len(year)} retrainings within 365 days: retraining.budget is {policy.budget}; "
            f"the next is free on {free:%Y-%m-%d}, or a person asks for one"
        )
    return stops


def _breaker(policy: Retraining, history: RetrainingHistory, labels: Labels) -> dict[str, str]:
    """What stops trainings that alarms ask for; new data may bring just what a challenger lacked.

    Closed for good it would leave a model that is wrong standing because its first challengers came a week after the
    break: it lets one more through whenever the labels since the champion's data have doubled.
    """
    if history.rejections < policy.max_rejections:
        return {}
    tried, fresh = _tried(history, labels), fresh_labels(history, labels)
    if 0 < tried <= fresh:
        return {}
    text = f"{history.rejections} challengers were rejected in a row: a person must decide "
    text += "(promote one by hand, ask for a training, or raise retraining.max_rejections)"
    more = f", or {tried - fresh:,} more labels come: twice as many as the last challenger had" if tried else ""
    return {"max_rejections": text + more}


def _too_soon(
    policy: Retraining, history: RetrainingHistory, labels: Labels, last: datetime | None, now: datetime
) -> dict[str, str]:
    """What waiting will remove: the cooldown, and too few new labels."""
    stops = {}
    if last is not None and now < last + policy.cooldown:
        until = last + policy.cooldown
        stops["cooldown"] = f"the cooldown of {write_duration(policy.cooldown)} lasts until {until:%Y-%m-%d %H:%M}"
    fresh = fresh_labels(history, labels)
    if fresh < policy.min_new_labels:
        stops["min_new_labels"] = f"{fresh} new labels: retraining.min_new_labels is {policy.min_new_labels}"
    return stops


def _facts(history: RetrainingHistory, labels: Labels, asked: Sequence[datetime], now: datetime) -> dict[str, Any]:
    last = max(asked, default=None)
    return {
        "new_labels": labels.new,
        "fresh_labels": fresh_labels(history, labels),
        "labels_since": None if labels.since is None else labels.since.isoformat(),
        "known_labels": labels.known,
        "last_retraining": None if last is None else last.isoformat(),
        "retrainings_in_a_year": sum(now - YEAR < moment <= now for moment in asked),
        "rejections": history.rejections,
        "pending": history.pending,
    }
