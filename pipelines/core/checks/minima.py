"""Minima: what every candidate must reach, champion or not."""

from __future__ import annotations

from pipelines.core.checks.decision import Check
from pipelines.core.metrics import better
from pipelines.core.problem import HIGHER_IS_BETTER, Problem
from pipelines.core.scorecard import Scorecard

OVERFITTED = 0.3
"""Lost from the fitted to the held-out rows, as a share of the way from the baseline to perfection."""


def enough_labels(problem: Problem, card: Scorecard) -> Check:
    """Whether there are labels enough to decide at all."""
    limit = problem.good_enough.min_labels
    passed = card.rows >= limit
    reason = f"{card.rows} held-out labels" + ("" if passed else f": fewer than the {limit} needed to decide")
    return Check(name="labels", passed=passed, value=card.rows, limit=limit, reason=reason)


def undefined(card: Scorecard) -> Check | None:
    """The failed check of a primary metric that has no value on these rows."""
    metric = card.metrics[card.primary]
    if metric.value is not None:
        return None
    return Check(name=card.primary, passed=False, reason=f"{card.primary} is undefined: {metric.reason}")


def minimum(problem: Problem, card: Scorecard) -> list[Check]:
    """The declared minimum, where there is one."""
    limit = problem.good_enough.minimum
    if limit is None:
        return []
    value = primary_value(card)
    passed = not better(card.primary, limit, value)
    side = "minimum" if card.primary in HIGHER_IS_BETTER else "maximum"
    verb = "reaches" if passed else "misses"
    reason = f"{card.primary} {value:.4g} {verb} the declared {side} {limit:.4g}"
    return [Check(name="minimum", passed=passed, value=value, limit=limit, reason=reason)]


def beats_baseline(card: Scorecard) -> Check:
    """Whether the candidate beats the model that knows nothing of a row."""
    value, baseline = primary_value(card), card.baseline[card.primary].value
    if baseline is None:
        reason = f"the baseline has no {card.primary}: {card.baseline[card.primary].reason}"
        return Check(name="baseline", passed=True, value=value, reason=reason)
    passed = better(card.primary, value, baseline)
    verb = "beats" if passed else "does not beat"
    reason = f"{card.primary} {value:.4g} {verb} the baseline ({baseline:.4g})"
    return Check(name="baseline", passed=passed, value=value, limit=baseline, reason=reason)


def overfitted(card: Scorecard, others: list[Check]) -> list[Check]:
    """Why a weak candidate is weak: it is far better on the rows that it was fitted on.

    Remembering them is no fault where the held-out rows go well: fails only where baseline or gain has failed.
    """
    fitted, baseline = card.fitted.get(card.primary), card.baseline[card.primary].value
    if fitted is None or fitted.value is None or baseline is None:
        return []
    value, perfect = primary_value(card), 1.0 if card.primary in HIGHER_IS_BETTER else 0.0
    if baseline == perfect:
        return []
    lost = (fitted.value - value) / (perfect - baseline)
    weak = any(check.name in ("baseline", "gain") and not check.passed for check in others)
    worse = card.comparison is None or card.comparison.difference is None or card.comparison.difference < 0
    passed = not (weak and worse and lost > OVERFITTED)
    told = f"{card.primary} {fitted.value:.4g} on the rows it was fitted on, {value:.4g} on held-out ones"
    reason = told if passed else f"overfitted: {told}"
    return [Check(name="overfit", passed=passed, value=lost, limit=OVERFITTED, reason=reason)]


def primary_value(card: Scorecard) -> float:
    """The primary metric's value, which is known to be defined."""
    value = card.metrics[card.primary].value
    assert value is not None
    return value
