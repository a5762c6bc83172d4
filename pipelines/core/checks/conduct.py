"""Conduct: leaks, calibration, fairness and behaviour, judged by limits of the problem file, champion or not."""

from __future__ import annotations

from pipelines.core.checks.decision import Check
from pipelines.core.problem import Problem
from pipelines.core.scorecard import Scorecard

_PARITY = ("demographic_parity_difference", "equalized_odds_difference")


def check_conduct(problem: Problem, card: Scorecard) -> list[Check]:
    """Each check that the scorecard has figures for."""
    return [*_leaks(problem, card), *_calibration(problem, card), *_fairness(problem, card), *_behaviour(card)]


def _leaks(problem: Problem, card: Scorecard) -> list[Check]:
    allowed = problem.good_enough.not_leaks
    return [
        Check(
            name=f"leak {one.feature}",
            passed=one.feature in allowed,
            value=one.score,
            reason=f"{one.feature}: {one.reason}; listed in good_enough.not_leaks"
            if one.feature in allowed
            else f"leak: {one.feature}: {one.reason}; if it is known when the prediction is asked for, "
            "list it in good_enough.not_leaks, else in features.ignored",
        )
        for one in card.leaks
    ]


def _calibration(problem: Problem, card: Scorecard) -> list[Check]:
    """Only what lies credibly beyond the limit fails: noise alone makes any model look off on few rows."""
    limit, found = problem.good_enough.calibration, card.calibration.corrected
    if limit is None or found is None or found.value is None or found.low is None:
        return []
    scale = card.calibration.scale or 1.0
    value, low = found.value / scale, found.low / scale
    passed = low <= limit
    unit = " standard deviations of the label" if card.task == "regression" else ""
    told = f"answers lie {value:.3g}{unit} from what came, on average (at least {low:.3g} at {card.confidence:.0%})"
    reason = f"{told}, limit {limit:g}" if passed else f"miscalibrated: {told}, beyond the limit of {limit:g}"
    return [Check(name="calibration", passed=passed, value=low, limit=limit, reason=reason)]


def _fairness(problem: Problem, card: Scorecard) -> list[Check]:
    """The gap must lie credibly beyond the limit to fail: a largest gap is never 0, even where groups are alike."""
    limit = problem.good_enough.fairness
    if limit is None:
        return []
    checks = []
    for one in card.fairness:
        for name in _PARITY:
            gap = one.gaps.get(name)
            if gap is None or gap.value is None:
                continue
            low = gap.value if gap.low is None else gap.low
            passed = low <= limit
            words = name.replace("_", " ")
            side = "within" if passed else "credibly beyond"
            reason = f"{words} between groups of {one.column} is {gap.value:.3g} (at least {low:.3g}): {side} {limit:g}"
            checks.append(Check(name=f"fairness {one.column}", passed=passed, value=low, limit=limit, reason=reason))
    return checks


def _behaviour(card: Scorecard) -> list[Check]:
    checks = []
    for one in card.behaviour:
        told = f"{one.feature} {one.change}: the answer should be {one.expect}"
        share = "could not be tried" if one.share is None else f"{one.share:.1%} of {one.rows} rows behave so"
        why = f" ({one.reason})" if one.reason else ""
        reason = f"{told}; {share}, {one.wanted:.0%} wanted{why}"
        name = f"behaviour {one.feature} {one.change}"
        checks.append(Check(name=name, passed=one.passed, value=one.share, limit=one.wanted, reason=reason))
    return checks
