"""Duels: the real scorecard and the real gate on rows whose truth is known, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from benchmarks.decisions.questions import CHAMPION, Question, question, truth
from benchmarks.decisions.rivals import rivals_promote
from benchmarks.decisions.shapes import Shape
from benchmarks.decisions.spread import Spread
from benchmarks.decisions.worlds import HURT_REGION, evidence
from pipelines.core.evaluation.evidence import Evidence
from pipelines.core.evaluation.influence import influence
from pipelines.core.gate import Change, Decision, decide_release
from pipelines.core.problem import HIGHER_IS_BETTER, Problem, Task
from pipelines.core.scorecard import Champion, Scorecard, judge

_REASON = Change(kind="stated", text="the champion's library is no longer maintained")


@dataclass(frozen=True)
class Tally:
    """What came of the duels of one shape and question, counted under names such as `promote` and `hit roc_auc`.

    `seen`: the gains as the rows show them, or the losses in the slice that is hurt: what any test has to go by.
    """

    shape: Shape
    question: Question
    counts: Counter[str]
    seen: Spread = field(default_factory=Spread)

    def __add__(self, other: Tally) -> Tally:
        """More duels of the same."""
        return replace(self, counts=self.counts + other.counts, seen=self.seen + other.seen)

    def share(self, name: str, of: str = "duels") -> float | None:
        """How often it happened; None where it could not."""
        return self.counts[name] / self.counts[of] if self.counts[of] else None


def fight(shape: Shape, asked: Question, seeds: range) -> Tally:
    """One duel per seed."""
    counts: Counter[str] = Counter()
    seen = Spread()
    problem = problem_for(asked)
    for seed in seeds:
        made = evidence(shape, asked, seed)
        card = judge(problem, shape.task, made, "candidate", champion=Champion(version=1, digest="champion"))
        counts["duels"] += 1
        seen += Spread.of(_seen(shape.task, asked, made))
        _count_decisions(counts, problem, card)
        if asked.hurt is None:
            _count_intervals(counts, shape, asked, card)
    return Tally(shape, asked, counts, seen)


def _seen(task: Task, asked: Question, made: Evidence) -> float:
    """The gain on all rows, or what was lost in the slice that is hurt, as these rows show it."""
    assert made.features is not None
    if asked.hurt is not None:
        made = made.rows(np.flatnonzero(made.features["region"].to_numpy() == HURT_REGION))
    assert made.champion is not None
    group = np.zeros(len(made.y), dtype=np.intp)
    ours, theirs = (
        float(influence(task, asked.primary, made.y, one, group, 1)[0][0]) for one in (made.candidate, made.champion)
    )
    sign = (1 if asked.primary in HIGHER_IS_BETTER else -1) * (1 if asked.hurt is None else -1)
    return sign * (ours - theirs)


def problem_for(asked: Question) -> Problem:
    """A problem file that leaves everything to the defaults but the metric and the declared slice."""
    wanted = {"metric": asked.primary, "slices": ["region"] if asked.declared else []}
    return Problem.model_validate({"name": "duel", "data": {"source": "x.csv", "target": "y"}, "good_enough": wanted})


def _count_decisions(counts: Counter[str], problem: Problem, card: Scorecard) -> None:
    plain = decide_release(problem, card)
    counts[plain.outcome] += 1
    reasoned = decide_release(problem, card, change=_REASON)
    counts["promote for a reason"] += reasoned.outcome == "promote"
    counts["blocked by a slice"] += _blocked(plain)
    for check in plain.checks:
        if not check.passed:
            counts[f"failed {check.name.split(' ')[0]}"] += 1
    if card.champion is not None:
        new, old = ({name: one.value for name, one in metrics.items() if one.value is not None}
                    for metrics in (card.metrics, card.champion.metrics))  # fmt: skip
        for rival, promoted in rivals_promote(card.primary, new, old).items():
            counts[rival] += promoted


def _blocked(decision: Decision) -> bool:
    return any(check.name.startswith("slice") and not check.passed for check in decision.checks)


def _count_intervals(counts: Counter[str], shape: Shape, asked: Question, card: Scorecard) -> None:
    true, theirs = truth(shape, asked.known), truth(shape, CHAMPION, asked.known)
    for name, one in card.metrics.items():
        _count(counts, name, true[name], one.low, one.high)
    found = card.comparison
    if found is not None:
        gain = (true[card.primary] - theirs[card.primary]) * (1 if card.primary in HIGHER_IS_BETTER else -1)
        _count(counts, f"gain in {card.primary}", gain, found.low, found.high)


def _count(counts: Counter[str], name: str, true: float, low: float | None, high: float | None) -> None:
    """An interval, and whether the truth lies in it, below or above it; none: it was not told."""
    if low is None or high is None:
        counts[f"none {name}"] += 1
        return
    counts[f"told {name}"] += 1
    counts[f"{'above' if true > high else 'below' if true < low else 'hit'} {name}"] += 1


def ask(shape: Shape, kind: str, primary: str, seeds: range) -> Tally:
    """The duels of a question by its name: what another process is told to do."""
    return fight(shape, question(shape, kind, primary), seeds)  # type: ignore[arg-type]
