"""The search: every learner's defaults first, then the parameters of those that did best, within a budget."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from pipelines.core.learner import Learner, Params, Size
from pipelines.core.problem import Search as Budget
from pipelines.core.trials import Judge, Judged

Progress = Callable[[int, int, str], None]


class Study(Protocol):
    """What proposes parameters and learns from what they were worth; an Optuna study is one."""

    def ask(self) -> Any:
        """A trial to draw parameters from."""

    def tell(self, trial: Any, values: float) -> Any:
        """What the trial's parameters lost."""


@dataclass(frozen=True)
class Tools:
    """What a search works with: a study for a seed, and the threads that suit a table of so many cells."""

    study: Callable[[int], Study]
    threads: Callable[[int], AbstractContextManager[int]]
    progress: Progress = lambda done, total, text: None


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


class Search:
    """Trials one after another. Only a time limit, when there is one, makes the outcome depend on the machine."""

    def __init__(self, budget: Budget, judge: Judge, entries: list[Entry], tools: Tools) -> None:
        self._budget, self._judge, self._tools = budget, judge, tools
        self._entries = {entry.learner.name: entry for entry in entries}
        self._studies: dict[str, Study] = {}
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
        while len(self.trials) < self._budget.trials:
            limit = self._budget.seconds
            if limit is not None and self.trials and time.monotonic() - began >= limit:
                self.cut_short = True
                break
            if queue:
                self._try(*queue.pop(0))
            elif (entry := self._next()) is not None:
                self._ask(entry)
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

    def _next(self) -> Entry | None:
        """The learner to vary: of every three trials two go to the best learner, one to the second best."""
        losses: dict[str, float] = {}
        for trial in self.trials:
            losses[trial.learner] = min(trial.loss, losses.get(trial.learner, trial.loss))
        ranked = [self._entries[name] for name in sorted(losses, key=lambda name: losses[name])]
        varied = [entry for entry in ranked if entry.varies]
        if not varied:
            return None
        return varied[1 if len(varied) > 1 and len(self.trials) % 3 == 2 else 0]

    def _ask(self, entry: Entry) -> None:
        study = self._studies.get(entry.learner.name)
        if study is None:
            study = self._studies[entry.learner.name] = self._tools.study(self._budget.seed)
        trial = study.ask()
        varied = entry.learner.space(trial, entry.size)
        study.tell(trial, self._try(entry, {**entry.starts()[0], **varied, **entry.fixed}).loss)

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
