"""The duel: candidate against champion on the same rows, and by what right the candidate may replace it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipelines.core.checks.decision import Change, Check, Path
from pipelines.core.metrics import Comparison
from pipelines.core.problem import Problem
from pipelines.core.scorecard import SPENT, STRICT, Champion, Scorecard

FAR = 1.25
"""Margins of harm that are ruled out at 99.5 %: one of twice the margin passes in at most a case of 200, even where the
far tails of few rows are heavier than told."""


@dataclass(frozen=True)
class Duel:
    """The check of the gain; `path`: the right to replace the champion, None without; `undecided`: the rows can tell
    neither a gain nor a harm of the margin's size; `needed_labels`: how many more would settle it.
    """

    check: Check
    path: Path | None = None
    undecided: bool = False
    needed_labels: int | None = None


def duel(problem: Problem, card: Scorecard, champion: Champion, change: Change | None) -> Duel:
    """Superior, or not inferior with a reason to change (Piaggio et al., CONSORT extension, JAMA 2012).

    Superior: that there is no gain is ruled out, one-sided, at seven tenths of the error that the problem allows (3.5 %
    of 5 %). Not inferior: the interval of the gain lies above the margin's harm. On either way a harm of one and a
    quarter margins is ruled out at 99.5 %, so that a candidate that is worse by twice the margin passes in at most
    0.5 % of duels, however wide the intervals are.
    """
    name = champion_name(champion)
    if card.digest == champion.digest:
        return Duel(Check(name="identity", passed=False, reason=f"the candidate is {name}, bit for bit"))
    if champion.reason is not None or card.comparison is None:
        reason = f"{name} could not be scored on the same rows: {champion.reason}; promote by hand if need be"
        return Duel(Check(name="same_rows", passed=False, reason=reason))
    found = card.comparison
    if found.difference is None or found.low is None or found.high is None:
        reason = f"no credible gain over {name}: {found.reason}"
        return Duel(Check(name="gain", passed=False, limit=0, reason=reason))
    held = margin(problem, card, champion)
    far, least = _low(card.strict, found), _low(card.one_sided, found)
    safe = far > -FAR * held
    if least > 0 and safe:
        reason = _told(card, found, "credibly better than", name, least)
        return Duel(Check(name="gain", passed=True, value=least, limit=0, reason=reason), path="superior")
    within = found.low > -held
    if within and safe and change is not None and change.holds():
        reason = (
            f"{card.primary} is at worst {-min(found.low, 0.0):.3g} worse than {name} (at {card.confidence:.0%}), "
            f"within the margin of {held:.3g}, and there is a reason to change: {change.text}"
        )
        return Duel(Check(name="gain", passed=True, value=found.low, limit=-held, reason=reason), path="non_inferior")
    undecided = found.low < -held < 0 < held < found.high
    needed = _needed(card.rows, found, least, held)
    told = _told(card, found, "not credibly better than", name, least)
    reason = f"{told}{_because(least > 0, safe, within, held, undecided, needed)}"
    return Duel(Check(name="gain", passed=False, value=least, limit=0, reason=reason), None, undecided, needed)


def champion_name(champion: Champion) -> str:
    """The champion in words."""
    return "the champion" if champion.version is None else f"champion {champion.version}"


def margin(problem: Problem, card: Scorecard, champion: Champion) -> float:
    """The non-inferiority margin in units of the primary metric: a share of the champion's value."""
    theirs = champion.metrics.get(card.primary)
    return 0.0 if theirs is None or theirs.value is None else problem.good_enough.margin * abs(theirs.value)


def mends(problem: Problem, card: Scorecard) -> bool:
    """Whether the candidate gains as much as the margin, as far as the rows tell; without a duel it does."""
    found = card.comparison
    if card.champion is None or found is None or found.difference is None:
        return True
    return found.difference >= margin(problem, card, card.champion)


def _low(interval: Comparison | None, found: Comparison) -> float:
    """The least gain that is credible by this interval; a scorecard of long ago has only the one that is found."""
    low = found.low if interval is None else interval.low
    return -math.inf if low is None else low


def _told(card: Scorecard, found: Comparison, word: str, name: str, least: float) -> str:
    span = f"{found.difference:+.4g} ({found.low:+.4g} to {found.high:+.4g})"
    bound = "" if card.one_sided is None else f", at least {least:+.4g} by a one-sided look at {_one_sided(card)}"
    return f"{card.primary} is {word} {name}: gain {span} at {card.confidence:.0%}{bound}"


def _one_sided(card: Scorecard) -> str:
    return f"{100 * (1 - SPENT * (1 - card.confidence)):.3g}%"


def _because(gains: bool, safe: bool, within: bool, held: float, undecided: bool, needed: int | None) -> str:
    more = "" if needed is None else f"; about {needed:,} more labels would settle it"
    if undecided and not gains:
        return f"; neither a gain nor a harm of the margin ({held:.3g}) can be told{more}"
    if not safe and (gains or within):
        return f", but a harm beyond {FAR:g} margins ({FAR * held:.3g}) is not ruled out at {STRICT:.1%}{more}"
    if within:
        return f"; within the margin of {held:.3g}, but nothing else asks for a change{more}"
    return more


def _needed(rows: int, found: Comparison, least: float, held: float) -> int | None:
    """More labels until the gain seen is credible, or a harm as large as a gain is told from it.

    Intervals narrow with the root of the rows. None where more labels would only confirm a harm or a trifle.
    """
    if found.difference is None or found.low is None or found.high is None:
        return None
    if least > 0:
        return None
    if found.difference > 0:
        factor = ((found.difference - least) / found.difference) ** 2
    elif found.low < -held < held < found.high:
        factor = ((found.high - found.difference) / (held - found.difference)) ** 2
    else:
        return None
    return max(1, math.ceil(rows * min(factor, 1e6)) - rows)
