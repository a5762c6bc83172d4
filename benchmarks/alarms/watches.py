"""The rules at work on one stream: ours and the rivals', window after window, and what their alarms come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from benchmarks.alarms.days import Days
from benchmarks.alarms.episodes import Score, about_loss, begun, found_at, score
from benchmarks.alarms.releases import problem_for, release
from benchmarks.alarms.rivals import (
    EVIDENTLY,
    LOSS,
    PSI,
    Columns,
    evidently_defaults,
    loss_rose,
    psi_rule,
    share_drifted,
    too_large,
)
from benchmarks.alarms.rows import draw
from benchmarks.alarms.streams import STREAMS
from benchmarks.alarms.truths import REAL, Truth, truth
from benchmarks.alarms.windows import Windows
from pipelines.core.drift import LEVELS, KindVerdict, Level
from pipelines.core.problem import Problem
from pipelines.core.watching.judging import judge_view
from pipelines.core.watching.label_kinds import judge_labels

OURS = "Ratchet"
LENGTHS = {1: "1d", 7: "1w"}
_FEW = 50  # labels, below which no rival judges a loss
_YEAR = 365
_ALARM, _WARNING = LEVELS.index("alarm"), LEVELS.index("warning")


@dataclass(frozen=True)
class Watch:
    """What came of one stream of one seed, judged in windows of `length` days."""

    stream: str
    seed: int
    length: int
    columns: bool
    """Whether columns were judged as well as labels."""
    scores: dict[str, Score]
    """By rule."""
    blamed: dict[str, Counter[str]] = field(default_factory=dict)
    """Ours: kinds in alarm when a break was first told of (`found`) and when false episodes began (`false`); kinds that
    warned or alarmed in calm windows (`calm`)."""


def watch(
    name: str, seed: int, lengths: tuple[int, ...] = (1,), columns: bool = True, rivals: bool = True
) -> list[Watch]:
    """One for each length. `columns`: judge columns too (slow), else labels alone; `rivals`: ask the other rules."""
    drawn = draw(STREAMS[name], seed)
    watched = release(drawn)
    true, days, delay = truth(drawn, watched), Days(drawn, watched), drawn.stream.delay
    found = []
    for length in lengths:
        windows = Windows(days, length)
        real, onset = by_window(true, length)
        levels = levels_of(windows, columns)
        alarms = {OURS: np.max(list(levels.values()), axis=0) == _ALARM}
        if rivals:
            alarms |= rivals_alarm(windows)
        labels = labels_since(windows, onset)
        scores = {rule: score(each, real, onset, length, delay, labels) for rule, each in alarms.items()}
        blamed = _blamed(levels, alarms[OURS], real, onset, length, delay)
        found.append(Watch(name, seed, length, columns, scores, blamed))
    return found


def levels_of(windows: Windows, columns: bool = True) -> dict[str, np.ndarray]:
    """(windows,) by kind of ours: the level's place in LEVELS, each window judged at its end."""
    problem = problem_for(windows.drawn.stream.task, LENGTHS[windows.length])
    found: dict[str, list[int]] = {}
    for kinds in (judged if columns else judged_by_labels)(windows, problem):
        for kind, one in kinds.items():
            found.setdefault(kind, []).append(LEVELS.index(one.level))
    return {kind: np.array(levels) for kind, levels in found.items()}


def judged(windows: Windows, problem: Problem) -> Iterator[Mapping[str, KindVerdict]]:
    """The verdicts by kind, window by window, as the monitor gives them."""
    before: dict[str, Level] = {}
    year = _YEAR // windows.length
    for at in range(windows.count):
        past = windows.past(at, problem.monitoring.memory)
        baselines = [windows.view(at - year, at)] if at >= year else []
        verdict = judge_view(problem, windows.watched.side, windows.view(at, at), past, before, baselines)
        before = {kind: one.level for kind, one in verdict.kinds.items()}
        yield {str(kind): one for kind, one in verdict.kinds.items()}


def judged_by_labels(windows: Windows, problem: Problem) -> Iterator[Mapping[str, KindVerdict]]:
    """The verdicts of the kinds that go by labels alone: many times as fast."""
    before: dict[str, Level] = {}
    for at in range(windows.count):
        past = windows.past(at, problem.monitoring.memory)
        kinds = judge_labels(problem, windows.watched.side, windows.observed(at, at), past, before).kinds
        before = {kind: one.level for kind, one in kinds.items()}
        yield {str(kind): one for kind, one in kinds.items()}


def rivals_alarm(windows: Windows) -> dict[str, np.ndarray]:
    """(windows,) by rival: whether it alarms. Drift is judged on features and answer, as soon as the window ends."""
    held_out = windows.watched.held_out
    drift, index = evidently_defaults(_columns(windows, held_out)), psi_rule(_columns(windows, held_out))
    found: dict[str, list[bool]] = {EVIDENTLY: [], PSI: [], LOSS: []}
    for at in range(windows.count):
        now = _columns(windows, windows.rows(at))
        found[EVIDENTLY].append(share_drifted(drift(now)))
        found[PSI].append(too_large(index(now)))
        found[LOSS].append(_rose(windows, at))
    return {rule: np.array(alarms) for rule, alarms in found.items()}


def by_window(true: Truth, length: int) -> tuple[np.ndarray, int | None]:
    """(windows,) whether the loss is real, by the mean harm of its days, and the first such window after a break."""
    count = len(true.harm) // length
    real = true.harm[: count * length].reshape(count, length).mean(axis=1) >= REAL
    if true.onset is None:
        return real, None
    after = np.flatnonzero(real[true.onset // length :])
    return real, int(true.onset // length + after[0]) if len(after) else None


def labels_since(windows: Windows, onset: int | None) -> np.ndarray:
    """(windows,) labels of rows since the break that are known at each window's end; 0 without a break."""
    found = np.zeros(windows.count, dtype=int)
    if onset is not None:
        for at in range(onset, windows.count):
            found[at] = sum(windows.known(one, at) for one in range(onset, at + 1))
    return found


def _columns(windows: Windows, rows: slice | np.ndarray) -> Columns:
    return {name: values[rows] for name, values in windows.days.columns.items()}


def _rose(windows: Windows, at: int) -> bool:
    """By the newest window whose labels are due."""
    due = at - int(-(-windows.drawn.stream.delay // windows.length))
    if due < 0 or windows.known(due, at) < _FEW:
        return False
    blocks = windows.observed(due, at).blocks
    loss = sum(one.loss for one in blocks) / sum(one.labels for one in blocks)
    losses = windows.watched.side.losses
    if windows.drawn.stream.task == "regression":
        return loss_rose(loss**0.5, losses["rmse"])
    return loss_rose(loss, losses["log_loss"])


def _blamed(
    levels: dict[str, np.ndarray], alarms: np.ndarray, real: np.ndarray, onset: int | None, length: int, delay: float
) -> dict[str, Counter[str]]:
    about = about_loss(real, length, delay)
    false = [at for at in begun(alarms, length) if not about[at]]
    found = found_at(alarms, onset, length)
    return {
        "false": Counter(kind for at in false for kind, each in levels.items() if each[at] == _ALARM),
        "found": Counter(kind for kind, each in levels.items() if found is not None and each[found] == _ALARM),
        "calm": Counter({kind: int((each[~about] >= _WARNING).sum()) for kind, each in levels.items()}),
    }
