"""Harm: no slice, declared or found by the search, may get credibly worse, and by more than its margin."""

from __future__ import annotations

from pipelines.core.checks.decision import Check
from pipelines.core.evaluation.slice_harm import Slice
from pipelines.core.scorecard import Scorecard


def check_slices(card: Scorecard, champion: str) -> list[Check]:
    """A check for each declared slice that could be judged, and for each harmed one that the search found.

    The value is the p-value, corrected for all slices looked at; the limit what is left to luck.
    """
    level = round(1 - card.confidence, 9)
    judged = [one for one in card.slices if one.p_value is not None]
    checks = [_check(one, level, champion) for one in judged if not one.searched or one.harmed(level)]
    if card.search is not None and card.search.looked_at and all(check.passed for check in checks):
        many = f"{card.search.looked_at} slices of {card.search.features} features"
        least = min((one.p_value or 0.0 for one in judged if one.searched), default=None)
        reason = f"{many} searched: none is credibly worse than {champion} beyond its margin"
        checks.append(Check(name="slice_search", passed=True, value=least, limit=level, reason=reason))
    return checks


def _check(one: Slice, level: float, champion: str) -> Check:
    passed = not one.harmed(level)
    word = "not credibly worse" if passed else "credibly worse, and beyond the margin,"
    seen = ""
    if one.gain is not None and one.gain.difference is not None and one.gain.low is not None:
        seen = f": {one.judged_on} {one.gain.difference:+.3g} ({one.gain.low:+.3g} to {one.gain.high:+.3g})"
    found = ", found by the search" if one.searched else ""
    reason = f"slice {one.column} = {one.value} ({one.rows} rows{found}): {word} than {champion}{seen}"
    return Check(name=f"slice {one.column} = {one.value}", passed=passed, value=one.p_value, limit=level, reason=reason)
