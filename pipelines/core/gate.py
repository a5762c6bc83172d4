"""The Gate: from a scorecard to a Decision, each check with its numbers and its reason."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict

from pipelines.core.metrics import better
from pipelines.core.problem import HIGHER_IS_BETTER, Problem
from pipelines.core.scorecard import Champion, Scorecard

Outcome = Literal["promote", "keep", "not_enough_data"]


class Check(BaseModel):
    """One thing that the gate looked at: what was found, what was asked for, and what follows."""

    model_config = ConfigDict(frozen=True)

    name: str
    passed: bool
    value: float | None = None
    limit: float | None = None
    reason: str


class Decision(BaseModel):
    """What becomes of a candidate; `needed_labels` estimates how many more labels would settle it."""

    model_config = ConfigDict(frozen=True)

    outcome: Outcome
    checks: list[Check]
    reasons: list[str]
    needed_labels: int | None = None


def decide_release(problem: Problem, card: Scorecard) -> Decision:
    """Whether the candidate of this scorecard becomes the champion.

    Without a champion it must have enough labels, reach the declared minimum and beat the baseline.
    Against a champion it must also be credibly better on the same rows (the interval of its gain lies
    above 0) and harm no slice.

    >>> import numpy as np
    >>> from pipelines.core.scorecard import Evidence, judge
    >>> problem = Problem.model_validate({"name": "x", "data": {"source": "x.csv", "target": "y"}})
    >>> y = np.arange(40.0); ids = y.astype(str); baseline = np.full(40, y.mean())
    >>> decide_release(problem, judge(problem, "regression", Evidence(ids, y, y + 1, baseline), "d")).outcome
    'promote'
    >>> decide_release(problem, judge(problem, "regression", Evidence(ids, y, y * 0, baseline), "d")).reasons
    ['rmse 22.66 does not beat the baseline (11.54)']
    """
    too_few = _enough_labels(problem, card)
    if not too_few.passed:
        missing = problem.good_enough.min_labels - card.rows
        return Decision(outcome="not_enough_data", checks=[too_few], reasons=[too_few.reason], needed_labels=missing)
    undefined = _undefined(card)
    if undefined is not None:
        return Decision(outcome="not_enough_data", checks=[too_few, undefined], reasons=[undefined.reason])
    checks = [too_few, *_minimum(problem, card), _beats_baseline(card)]
    if card.champion is not None:
        checks += _against_champion(card, card.champion)
    failed = [check.reason for check in checks if not check.passed]
    if failed:
        return Decision(outcome="keep", checks=checks, reasons=failed, needed_labels=_needed(card))
    return Decision(outcome="promote", checks=checks, reasons=[check.reason for check in checks])


def _enough_labels(problem: Problem, card: Scorecard) -> Check:
    limit = problem.good_enough.min_labels
    passed = card.rows >= limit
    reason = f"{card.rows} held-out labels" + ("" if passed else f": fewer than the {limit} needed to decide")
    return Check(name="labels", passed=passed, value=card.rows, limit=limit, reason=reason)


def _undefined(card: Scorecard) -> Check | None:
    metric = card.metrics[card.primary]
    if metric.value is not None:
        return None
    return Check(name=card.primary, passed=False, reason=f"{card.primary} is undefined: {metric.reason}")


def _minimum(problem: Problem, card: Scorecard) -> list[Check]:
    limit = problem.good_enough.minimum
    if limit is None:
        return []
    value = _value(card)
    passed = not better(card.primary, limit, value)
    side = "minimum" if card.primary in HIGHER_IS_BETTER else "maximum"
    verb = "reaches" if passed else "misses"
    reason = f"{card.primary} {value:.4g} {verb} the declared {side} {limit:.4g}"
    return [Check(name="minimum", passed=passed, value=value, limit=limit, reason=reason)]


def _beats_baseline(card: Scorecard) -> Check:
    value, baseline = _value(card), card.baseline[card.primary].value
    if baseline is None:
        reason = f"the baseline has no {card.primary}: {card.baseline[card.primary].reason}"
        return Check(name="baseline", passed=True, value=value, reason=reason)
    passed = better(card.primary, value, baseline)
    verb = "beats" if passed else "does not beat"
    reason = f"{card.primary} {value:.4g} {verb} the baseline ({baseline:.4g})"
    return Check(name="baseline", passed=passed, value=value, limit=baseline, reason=reason)


def _against_champion(card: Scorecard, champion: Champion) -> list[Check]:
    name = "the champion" if champion.version is None else f"champion {champion.version}"
    if card.digest == champion.digest:
        return [Check(name="identity", passed=False, reason=f"the candidate is {name}, bit for bit")]
    if champion.reason is not None or card.comparison is None:
        reason = f"{name} could not be scored on the same rows: {champion.reason}; promote by hand if need be"
        return [Check(name="same_rows", passed=False, reason=reason)]
    return [_gain(card, name), *_slices(card, name)]


def _gain(card: Scorecard, name: str) -> Check:
    found = card.comparison
    if found is None or found.difference is None or found.low is None:
        why = None if found is None else found.reason
        return Check(name="gain", passed=False, limit=0, reason=f"no credible gain over {name}: {why}")
    passed = found.low > 0
    span = f"{found.difference:+.4g} ({found.low:+.4g} to {found.high:+.4g})"
    word = "credibly better than" if passed else "not credibly better than"
    reason = f"{card.primary} is {word} {name}: gain {span} at {card.confidence:.0%}"
    return Check(name="gain", passed=passed, value=found.low, limit=0, reason=reason)


def _slices(card: Scorecard, name: str) -> list[Check]:
    checks = []
    for one in card.slices:
        if one.excess is None or one.excess.low is None:
            continue
        passed = one.excess.low <= 0
        word = "not credibly worse" if passed else "credibly worse, beyond the margin,"
        reason = f"slice {one.column} = {one.value} ({one.rows} rows): {word} than {name}"
        checks.append(
            Check(
                name=f"slice {one.column} = {one.value}",
                passed=passed,
                value=one.excess.low,
                limit=0,
                reason=reason,
            )
        )
    return checks


def _needed(card: Scorecard) -> int | None:
    """More labels until a gain of the size seen is credible: intervals narrow with the root of the rows."""
    found = card.comparison
    if found is None or found.difference is None or found.low is None:
        return None
    if found.low > 0 or found.difference <= 0:
        return None
    factor = ((found.difference - found.low) / found.difference) ** 2
    return max(1, math.ceil(card.rows * min(factor, 1e6)) - card.rows)


def _value(card: Scorecard) -> float:
    value = card.metrics[card.primary].value
    assert value is not None
    return value
