"""The duel: candidate against champion on the same rows, and by what right the candidate may replace it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipelines.core.checks.decision import Change, Check, Path
from pipelines.core.metrics import Comparison
from pipelines.core.problem import Problem
from pipelines.core.scorecard import Champion, Scorecard


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

    Superior: the interval of the gain lies above 0, and a harm of the margin is ruled out at 99 %. Not inferior: the
    latter. So a candidate that is worse by the margin passes in at most 0.5 % of duels on either path, however wide
    the intervals are.
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
    worst = _worst(card.strict, found)
    safe = worst > -held
    if found.low > 0 and safe:
        reason = _told(card, found, "credibly better than", name)
        return Duel(Check(name="gain", passed=True, value=found.low, limit=0, reason=reason), path="superior")
    if safe and change is not None and change.holds():
        reason = (
            f"{card.primary} is at worst {-min(worst, 0.0):.3g} worse than {name} (at 99%), within the margin of "
            f"{held:.3g}, and there is a reason to change: {change.text}"
        )
        return Duel(Check(name="gain", passed=True, value=worst, limit=-held, reason=reason), path="non_inferior")
    undecided = found.low < -held < 0 < held < found.high
    needed = _needed(card.rows, found, held)
    reason = f"{_told(card, found, 'not credibly better than', name)}{_because(found, safe, held, undecided, needed)}"
    return Duel(Check(name="gain", passed=False, value=found.low, limit=0, reason=reason), None, undecided, needed)


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


def _worst(strict: Comparison | None, found: Comparison) -> float:
    """The least gain that is credible at 99 %."""
    low = found.low if strict is None else strict.low
    return -math.inf if low is None else low


def _told(card: Scorecard, found: Comparison, word: str, name: str) -> str:
    span = f"{found.difference:+.4g} ({found.low:+.4g} to {found.high:+.4g})"
    return f"{card.primary} is {word} {name}: gain {span} at {card.confidence:.0%}"


def _because(found: Comparison, safe: bool, held: float, undecided: bool, needed: int | None) -> str:
    more = "" if needed is None else f"; about {needed:,} more labels would settle it"
    if found.low is not None and found.low > 0:
        return f", but a harm beyond the margin of {held:.3g} is not ruled out at 99%{more}"
    if undecided:
        return f"; neither a gain nor a harm of the margin ({held:.3g}) can be told{more}"
    if safe:
        return f"; within the margin of {held:.3g}, but nothing else asks for a change{more}"
    return more


def _needed(rows: int, found: Comparison, held: float) -> int | None:
    """More labels until the gain seen is credible, or a harm as large as a gain is told from it.

    Intervals narrow with the root of the rows. None where more labels would only confirm a harm or a trifle.
    """
    if found.difference is None or found.low is None or found.high is None:
        return None
    if found.low > 0:
        return None
    if found.difference > 0:
        factor = ((found.difference - found.low) / found.difference) ** 2
    elif found.low < -held < held < found.high:
        factor = ((found.high - found.difference) / (held - found.difference)) ** 2
    else:
        return None
    return max(1, math.ceil(rows * min(factor, 1e6)) - rows)
