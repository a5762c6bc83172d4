"""The Gate: from a scorecard to a Decision, each check with its numbers and its reason."""

from __future__ import annotations

from pipelines.core.checks.conduct import check_conduct
from pipelines.core.checks.decision import Change, Check, Decision, Outcome, cheaper
from pipelines.core.checks.duel import Duel, champion_name, duel, mends
from pipelines.core.checks.harm import check_slices
from pipelines.core.checks.minima import beats_baseline, enough_labels, minimum, overfitted, undefined
from pipelines.core.checks.rehearsed import check_rehearsal
from pipelines.core.evaluation.rehearsal import Rehearsal
from pipelines.core.problem import Problem
from pipelines.core.scorecard import Scorecard

__all__ = ["Change", "Check", "Decision", "Outcome", "cheaper", "decide_challenger", "decide_release"]


def decide_release(
    problem: Problem, card: Scorecard, *, rehearsal: Rehearsal | None = None, change: Change | None = None
) -> Decision:
    """Whether the candidate of this scorecard becomes the champion.

    Without a champion it must have enough labels, reach the declared minimum and beat the baseline. Against a champion
    it must also be credibly better on the same rows, or no worse than the margin with another reason to change, and
    harm no slice. Either way it must not leak, be calibrated, keep the declared limits of fairness and behaviour, and
    answer over HTTP as in batch within its budgets.

    >>> import numpy as np
    >>> from pipelines.core.scorecard import Evidence, judge
    >>> problem = Problem.model_validate({"name": "x", "data": {"source": "x.csv", "target": "y"}})
    >>> y = np.arange(40.0); ids = y.astype(str); baseline = np.full(40, y.mean())
    >>> found = decide_release(problem, judge(problem, "regression", Evidence(ids, y, y + 1, baseline), "d"))
    >>> found.outcome, found.path
    ('promote', 'first')
    >>> decide_release(problem, judge(problem, "regression", Evidence(ids, y, y - 30, baseline), "d")).reasons[0]
    'rmse 30 does not beat the baseline (11.54)'
    """
    labels = enough_labels(problem, card)
    if not labels.passed:
        missing = problem.good_enough.min_labels - card.rows
        return Decision(outcome="not_enough_data", checks=[labels], reasons=[labels.reason], needed_labels=missing)
    unclear = undefined(card)
    if unclear is not None:
        return Decision(outcome="not_enough_data", checks=[labels, unclear], reasons=[unclear.reason])
    checks = [labels, *minimum(problem, card), beats_baseline(card)]
    fought = None if card.champion is None else duel(problem, card, card.champion, change)
    if fought is not None and card.champion is not None:
        checks.append(fought.check)
        if fought.check.name == "gain":
            checks += check_slices(card, champion_name(card.champion))
    checks += [*overfitted(card, checks), *check_conduct(problem, card), *check_rehearsal(problem, card, rehearsal)]
    return _decision(checks, fought, change)


def decide_challenger(
    problem: Problem, card: Scorecard, *, rehearsal: Rehearsal | None = None, change: Change | None = None
) -> Decision:
    """`decide_release`, where an alarm speaks only for a challenger that mends: one that gains the margin at least.

    One that is no worse, or better by a trifle, knows as little of what raised the alarm, and its held-out rows lie
    across the break: as champion it would be watched by what it broke on, and the alarm would be silent.
    """
    if change is None or change.kind != "alarm" or mends(problem, card):
        return decide_release(problem, card, rehearsal=rehearsal, change=change)
    decision = decide_release(problem, card, rehearsal=rehearsal)
    told = "an alarm asked for it, and it does not mend what raised the alarm: it gains less than the margin"
    if decision.outcome != "promote":
        return decision.model_copy(update={"reasons": [*decision.reasons, told]})
    gained = None if card.comparison is None else card.comparison.difference
    check = Check(name="mends", passed=False, value=gained, reason=told)
    kept = {"outcome": "keep", "checks": [*decision.checks, check], "reasons": [told], "path": None}
    return decision.model_copy(update=kept)


def _decision(checks: list[Check], fought: Duel | None, change: Change | None) -> Decision:
    failed = [check for check in checks if not check.passed]
    if failed:
        undecided = fought is not None and fought.undecided and all(check is fought.check for check in failed)
        return Decision(
            outcome="not_enough_data" if undecided else "keep",
            checks=checks,
            reasons=[check.reason for check in failed],
            needed_labels=None if fought is None else fought.needed_labels,
        )
    path = "first" if fought is None else fought.path
    return Decision(
        outcome="promote",
        checks=checks,
        reasons=_reasons(checks),
        path=path,
        change=change if path == "non_inferior" else None,
    )


def _reasons(checks: list[Check]) -> list[str]:
    """All reasons, but unharmed slices in one line: there may be a hundred."""
    slices = [check for check in checks if check.name.startswith("slice ")]
    told = [check.reason for check in checks if not check.name.startswith("slice ")]
    if slices:
        told.append(f"none of {len(slices)} declared slices got credibly worse")
    return told
