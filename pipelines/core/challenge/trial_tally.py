"""What was counted of a trial: answers and failures of each arm, and how long each takes for the same rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pipelines.core.challenge.trial_loss import ALPHA, Finding, judge_failures
from pipelines.core.problem import Rollout

Arm = Literal["champion", "challenger"]
ARMS: tuple[Arm, Arm] = ("champion", "challenger")
LEAST_TIMED = 50
"""Requests that both arms were timed on before their medians are compared."""
_STEPS = 64  # of the histogram of times for a factor of e: a median is right to two percent


@dataclass
class ArmTally:
    """One arm's answers (calls of the model), how many failed, their rows and seconds, and its time per row."""

    answers: int = 0
    failed: int = 0
    rows: int = 0
    seconds: float = 0.0
    times: Counter[int] = field(default_factory=Counter)
    """Requests timed, by the logarithm of their time per row."""

    def count(self, rows: int, seconds: float, failed: bool) -> None:
        """One call of the model."""
        self.answers += 1
        self.failed += failed
        self.rows += rows
        self.seconds += seconds

    def time(self, rows: int, seconds: float) -> None:
        """One timing that the other arm was put to as well.

        >>> arm = ArmTally(); arm.time(10, 0.01); arm.time(10, 0.01); round(arm.median, 3)
        0.001
        """
        self.times[round(math.log(max(seconds / rows, 1e-9)) * _STEPS)] += 1

    @property
    def median(self) -> float | None:
        """Median seconds per row of the timings."""
        half, seen = self.times.total() / 2, 0
        for step in sorted(self.times):
            seen += self.times[step]
            if seen >= half:
                return math.exp(step / _STEPS)
        return None


@dataclass
class Tally:
    """Both arms of a trial against one champion; `dropped`: rows in shadow that were not scored for want of time."""

    champion_run: str = ""
    champion: ArmTally = field(default_factory=ArmTally)
    challenger: ArmTally = field(default_factory=ArmTally)
    dropped: int = 0

    def arm(self, name: Arm) -> ArmTally:
        """One of the arms."""
        return self.champion if name == "champion" else self.challenger

    def as_json(self) -> dict[str, Any]:
        """For the database; `read` reads it back."""
        arms: dict[str, Any] = {name: {**vars(self.arm(name)), "times": dict(self.arm(name).times)} for name in ARMS}
        return {"champion_run": self.champion_run, "dropped": self.dropped, **arms}

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Tally:
        """What `as_json` gave, with JSON's keys of text.

        >>> tally = Tally("r"); tally.challenger.count(2, 0.1, False); tally.challenger.time(2, 0.1)
        >>> Tally.read(tally.as_json()) == tally
        True
        """
        tally = cls(content["champion_run"], dropped=content["dropped"])
        for name in ARMS:
            values = dict(content[name])
            times = Counter({int(step): count for step, count in values.pop("times").items()})
            for key, value in values.items():
                setattr(tally.arm(name), key, value)
            tally.arm(name).times = times
        return tally


def together(tallies: Iterable[Tally], champion_run: str) -> Tally:
    """What several processes counted against the same champion, as one."""
    whole = Tally(champion_run)
    for tally in tallies:
        if tally.champion_run != champion_run:
            continue
        whole.dropped += tally.dropped
        for name in ARMS:
            one, other = whole.arm(name), tally.arm(name)
            one.answers, one.failed = one.answers + other.answers, one.failed + other.failed
            one.rows, one.seconds = one.rows + other.rows, one.seconds + other.seconds
            one.times.update(other.times)
    return whole


def why_end(rollout: Rollout, tally: Tally, loss: Finding | None) -> list[str]:
    """Why the trial is to end now, in words; empty while the challenger keeps within the limits.

    >>> tally = Tally()
    >>> for _ in range(30):
    ...     tally.champion.count(1, 0.001, False); tally.challenger.count(1, 0.0, True)
    >>> why_end(Rollout(mode="canary"), tally, None)[0][:44]
    'errors: 30 of 30 answers of the challenger f'
    """
    return [one for one in (_errors(rollout, tally), _slowness(rollout, tally), _loss(rollout, loss)) if one]


def _errors(rollout: Rollout, tally: Tally) -> str | None:
    one, other = tally.champion, tally.challenger
    found = judge_failures((one.answers, one.failed), (other.answers, other.failed), rollout.max_errors)
    if not found.worse:
        return None
    sure = f"{1 - ALPHA:.0%} confidence sequence"
    return (
        f"errors: {other.failed} of {other.answers} answers of the challenger failed, {one.failed} of {one.answers} "
        f"of the champion's; credibly at least {found.least:.2%} against at most {found.most:.2%} ({sure}), "
        f"allowed are {rollout.max_errors:.2%} more"
    )


def _slowness(rollout: Rollout, tally: Tally) -> str | None:
    one, other = tally.champion.median, tally.challenger.median
    timed = min(tally.champion.times.total(), tally.challenger.times.total())
    if one is None or other is None or timed < LEAST_TIMED or other <= rollout.max_slowdown * one:
        return None
    return (
        f"latency: the challenger takes {other / one:.1f} times as long per row as the champion (medians "
        f"{other * 1e3:.3g} and {one * 1e3:.3g} ms of {timed} requests that both scored), allowed are "
        f"{rollout.max_slowdown:g} times"
    )


def _loss(rollout: Rollout, loss: Finding | None) -> str | None:
    if loss is None or not loss.worse or loss.champion is None or loss.challenger is None:
        return None
    return (
        f"loss: the challenger's is {loss.challenger:.4g} on {loss.labels[1]} labels, the champion's "
        f"{loss.champion:.4g} on {loss.labels[0]}; credibly more than {rollout.max_loss:.0%} above it "
        f"({1 - ALPHA:.0%} confidence sequence)"
    )
