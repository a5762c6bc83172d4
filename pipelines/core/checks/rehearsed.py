"""What the rehearsal showed: the same answers over HTTP as in batch, quickly enough, from files small enough."""

from __future__ import annotations

from pipelines.core.checks.decision import Check
from pipelines.core.evaluation.rehearsal import Rehearsal
from pipelines.core.problem import Problem
from pipelines.core.scorecard import Scorecard


def check_rehearsal(problem: Problem, card: Scorecard, rehearsal: Rehearsal | None) -> list[Check]:
    """Parity, latency and size; what was not measured passes and says so."""
    return [_parity(rehearsal), _latency(problem, rehearsal), _size(problem, card, rehearsal)]


def _parity(rehearsal: Rehearsal | None) -> Check:
    why = "nothing was served before this decision" if rehearsal is None else rehearsal.skipped
    if rehearsal is None or why is not None:
        return Check(name="parity", passed=True, reason=f"not rehearsed over HTTP: {why}")
    if not rehearsal.rows:
        return Check(name="parity", passed=False, value=0, reason="the rehearsal answered no row")
    passed = rehearsal.wrong == 0
    reason = f"{rehearsal.rows} rows answered over HTTP as in batch (within {rehearsal.tolerance:g})"
    if not passed:
        shown = f": {rehearsal.examples[0]}" if rehearsal.examples else ""
        reason = f"{rehearsal.wrong} of {rehearsal.rows} rows are answered otherwise over HTTP than in batch{shown}"
    return Check(name="parity", passed=passed, value=rehearsal.wrong, limit=0, reason=reason)


def _latency(problem: Problem, rehearsal: Rehearsal | None) -> Check:
    return _budget(
        "latency",
        None if rehearsal is None else rehearsal.latency_ms,
        problem.good_enough.max_latency_ms,
        "one row takes {value:.3g} ms over HTTP (median)",
        "ms",
    )


def _size(problem: Problem, card: Scorecard, rehearsal: Rehearsal | None) -> Check:
    """By the rehearsal, else by the model's file as the scorecard has it."""
    value = None if rehearsal is None else rehearsal.size_mb
    if value is None and card.cost is not None:
        value = card.cost.model_bytes / 1e6
    return _budget("size", value, problem.good_enough.max_size_mb, "the model has {value:.3g} MB", "MB")


def _budget(name: str, value: float | None, limit: float | None, told: str, unit: str) -> Check:
    if value is None:
        return Check(name=name, passed=True, limit=limit, reason=f"{name} was not measured")
    passed = limit is None or value <= limit
    words = told.format(value=value)
    if limit is not None:
        words += f", {'within' if passed else 'beyond'} the budget of {limit:g} {unit}"
    return Check(name=name, passed=passed, value=value, limit=limit, reason=words)
