"""The search: every learner's defaults first, then the parameters of those that did best, within a budget."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from pipelines.core.learner import Learner, Params, Size
from pipelines.core.problem import Search as Budget
from pipelines.core.trials import Fold, Judged

Progress = Callable[[int, int, str], None]
Ahead = Callable[[Learner, Params, bool], None]


class Study(Protocol):
    """What proposes parameters and learns from what they were worth; an Optuna study is one."""

    def ask(self) -> Any:
        """A trial to draw parameters from."""

    def tell(self, trial: Any, values: float) -> Any:
        """What the trial's parameters lost."""


class Judging(Protocol):
    """What judges trials on folds of rows; `core.trials.Judge` does so in this process."""

    folds: list[Fold]
    cpu_seconds: float
    """What judging has cost in other processes."""

    def __call__(self, learner: Learner, params: Params, threads: int, searched_rounds: bool) -> Judged:
        """How well the learner does with these parameters."""


@dataclass(frozen=True)
class Tools:
    """What a search works with: a study for a seed, and the threads that suit a table of so many cells.

    `ahead` is told of trials that will very likely be judged, so that it may begin them elsewhere; of a study's
    proposals the first `early` do not depend on what it is told.
    """

    study: Callable[[int], Study]
    threads: Callable[[int], AbstractContextManager[int]]
    progress: Progress = lambda done, total, text: None
    ahead: Ahead | None = None
    early: int = 1


@dataclass(frozen=True)
class Entry:
    """A learner that takes part, at the size that it must cope with; what a person fixed is not searched."""

    learner: Learner
    size: Size
    fixed: Params = field(default_factory=dict)

    def starts(self) -> list[Params]:
        """Parameters tried before any are searched."""
        return [{**start, **self.fixed} for start in self.learner.defaults(self.size)]

    @property
    def finds_rounds(self) -> bool:
        """Whether trials find out the best number of boosting rounds."""
        return self.learner.rounds is not None and self.learner.rounds not in self.fixed

    @property
    def varies(self) -> bool:
        """Whether anything is left to search."""
        return not set(self.learner.space(_Lowest(), self.size)) <= set(self.fixed)


@dataclass(frozen=True)
class Trial:
    """One set of parameters that was tried, and what it was worth on the rows that the search judges on."""

    number: int
    learner: str
    params: Params
    value: float | None
    loss: float
    seconds: float


class Proposals:
    """What a study proposes for a learner, in its order, whether it is drawn early or when it is wanted."""

    def __init__(self, entry: Entry, study: Study, early: int) -> None:
        self._entry, self._study, self._early = entry, study, early
        self._drawn: deque[tuple[Any, Params]] = deque()
        self._asked = 0

    def coming(self, most: int) -> list[Params]:
        """The next proposals, at most so many; fewer where the later ones depend on what the study is told first."""
        while len(self._drawn) < most and (not self._drawn or self._asked < self._early):
            trial = self._study.ask()
            varied = self._entry.learner.space(trial, self._entry.size)
            self._drawn.append((trial, {**self._entry.starts()[0], **varied, **self._entry.fixed}))
            self._asked += 1
        return [params for _, params in list(self._drawn)[:most]]

    def judge(self, judged: Callable[[Entry, Params], Judged]) -> None:
        """Have the next one judged, and tell the study what it lost."""
        self.coming(1)
        trial, params = self._drawn.popleft()
        self._study.tell(trial, judged(self._entry, params).loss)


class Search:
    """Trials one after another. Only a time limit, when there is one, makes the outcome depend on the machine."""

    def __init__(self, budget: Budget, judge: Judging, entries: list[Entry], tools: Tools) -> None:
        self._budget, self._judge, self._tools = budget, judge, tools
        self._entries = {entry.learner.name: entry for entry in entries}
        self._studies: dict[str, Proposals] = {}
        self.rows = len(judge.folds[0][0])
        self.trials: list[Trial] = []
        self.cut_short = False
        self.seconds = 0.0

    def run(self) -> None:
        """Spend the budget."""
        began = time.monotonic()
        entries = list(self._entries.values())
        queue = [(entry, entry.starts()[0]) for entry in entries]
        queue += [(entry, start) for entry in entries for start in entry.starts()[1:]]
        self._foresee(queue[: self._budget.trials])
        while len(self.trials) < self._budget.trials:
            limit = self._budget.seconds
            if limit is not None and self.trials and time.monotonic() - began >= limit:
                self.cut_short = True
                break
            if queue:
                self._try(*queue.pop(0))
            elif (entry := self._next(len(self.trials))) is not None:
                self._foresee(self._coming())
                self._proposals(entry).judge(self._try)
            else:
                break  # every parameter is fixed: nothing is left to vary
        self.seconds = round(time.monotonic() - began, 3)

    @property
    def best(self) -> Trial:
        """The trial with the smallest loss, the first of equals."""
        return min(self.trials, key=lambda trial: (trial.loss, trial.number))

    def choice(self, rows: int) -> tuple[Entry, Params]:
        """The best trial's learner and parameters, for a fit on `rows` rows: more rows carry more rounds."""
        entry, params = self._entries[self.best.learner], self.best.params
        name = entry.learner.rounds
        if name is None or not entry.finds_rounds:
            return entry, params
        most = int(entry.starts()[0][name])
        return entry, {**params, name: min(most, round(params[name] * max(1.0, rows / self.rows) ** 0.3))}

    def tell(self, text: str, done: bool = False) -> None:
        """Pass progress on: the trials, and the final fit as one more."""
        total = self._budget.trials + 1
        self._tools.progress(total if done else len(self.trials), total, text)

    def _next(self, number: int) -> Entry | None:
        """The learner to vary: of every three trials two go to the best learner, one to the second best."""
        losses: dict[str, float] = {}
        for trial in self.trials:
            losses[trial.learner] = min(trial.loss, losses.get(trial.learner, trial.loss))
        ranked = [self._entries[name] for name in sorted(losses, key=lambda name: losses[name])]
        varied = [entry for entry in ranked if entry.varies]
        if not varied:
            return None
        return varied[1 if len(varied) > 1 and number % 3 == 2 else 0]

    def _proposals(self, entry: Entry) -> Proposals:
        found = self._studies.get(entry.learner.name)
        if found is None:
            found = Proposals(entry, self._tools.study(self._budget.seed), self._tools.early)
            self._studies[entry.learner.name] = found
        return found

    def _coming(self) -> list[tuple[Entry, Params]]:
        """What will be tried if no other learner gets ahead; nothing is drawn before its time where nobody asks."""
        if self._tools.ahead is None:
            return []
        turns = [self._next(number) for number in range(len(self.trials), self._budget.trials)]
        counts = {one.learner.name: turns.count(one) for one in turns if one is not None}
        entries = [self._entries[name] for name in counts]
        return [(one, two) for one in entries for two in self._proposals(one).coming(counts[one.learner.name])]

    def _foresee(self, coming: list[tuple[Entry, Params]]) -> None:
        if (ahead := self._tools.ahead) is not None:
            for entry, params in coming:
                ahead(entry.learner, params, entry.finds_rounds)

    def _try(self, entry: Entry, params: Params) -> Judged:
        self.tell(f"trying {entry.learner.name}")
        began = time.monotonic()
        with self._tools.threads(self.rows * entry.size.columns) as threads:
            judged = self._judge(entry.learner, params, threads, entry.finds_rounds)
        if judged.rounds is not None and entry.learner.rounds is not None:
            params = {**params, entry.learner.rounds: judged.rounds}
        seconds = round(time.monotonic() - began, 3)
        name, number = entry.learner.name, len(self.trials)
        self.trials.append(Trial(number, name, params, judged.value, judged.loss, seconds))
        return judged


class _Lowest:
    """A trial that draws the lowest of everything: with it a space tells which parameters it varies."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return low

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        return low
