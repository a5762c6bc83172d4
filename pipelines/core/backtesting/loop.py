"""The loop with a virtual clock: serve a window, reveal labels, judge, ask the policy, train, let the gate decide."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from pipelines.core.backtesting.candidates import Candidate, Trainer, Tried, first_champion
from pipelines.core.backtesting.outcomes import Training, WindowOutcome
from pipelines.core.backtesting.policies import Policy
from pipelines.core.backtesting.traffic import Look, Served, Traffic, naive
from pipelines.core.backtesting.truth import measure
from pipelines.core.checks.decision import Change, change_kind
from pipelines.core.cron import Cron
from pipelines.core.drift import Level, Verdict
from pipelines.core.problem import Problem
from pipelines.core.retraining import REGULAR, Labels, RetrainDecision, RetrainingHistory, decide_retraining, in_all
from pipelines.core.watching.judging import judge_view
from pipelines.core.watching.observed import Observed, observe
from pipelines.core.watching.release_side import ReleaseSide
from pipelines.core.watching.seasons import YEAR_AGO
from pipelines.core.watching.view import View


@dataclass
class Replay:
    """One policy's life: its champion, what it has seen, what it did."""

    problem: Problem
    policy: Policy
    traffic: Traffic
    trainer: Trainer
    windows: list[WindowOutcome] = field(default_factory=list)
    trainings: list[Training] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    champions: list[tuple[Candidate, int]] = field(default_factory=list)
    """Who served each window."""
    watch_seconds: float = 0.0
    _champion: tuple[Candidate, int] | None = None
    _side: ReleaseSide | None = None
    _verdict: Verdict | None = None
    _asked: list[datetime] = field(default_factory=list)
    _tried: Labels | None = None
    _needed: int | None = None
    _rejections: int = 0
    _seen: dict[tuple[int, int], tuple[int, Observed]] = field(default_factory=dict)
    """By the window's number and the release."""
    _expected: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.problem = self.policy.applied(self.problem)

    def run(self, spans: Sequence[tuple[datetime, datetime]], tell: Callable[[int, str], None]) -> None:
        """Live through the windows, back to back, each judged at its end; the first training is at their start."""
        self._begin(spans[0][0])
        for number, (start, end) in enumerate(spans):
            verdict = self._watch(start, end)
            last = number == len(spans) - 1
            decision = self._act(verdict, end, last)
            self._keep(verdict, decision, "nothing" if last else decision.outcome)
            tell(number + 1, f"{end:%Y-%m-%d}: {verdict.level}")

    def _begin(self, at: datetime) -> None:
        tried = self.trainer(at, None, None)
        self._note(tried, at, [])
        self._enthrone(first_champion(at, tried), 1)

    def _watch(self, start: datetime, end: datetime) -> Verdict:
        """Serve the window and judge it by the labels known at its end."""
        served = self._serve(start, end)
        assert self._champion is not None
        assert self._side is not None
        version = served.version
        began = time.process_time()
        look = Look.of(served, self.problem.monitoring.sample)
        self.looks.append(look)
        self.champions.append(self._champion)
        verdict = judge_view(
            self.problem,
            self._side,
            look.view(end),
            past=self._past(version, end),
            before=self._before(version),
            baselines=self._baselines(look, end),
        )
        self.watch_seconds += time.process_time() - began
        return verdict

    def _serve(self, start: datetime, end: datetime) -> Served:
        """The window's answers; where a training is due in it, what comes later is answered by who is champion then."""
        scores, versions, begin = [], [], start
        for moment in [*self._due(start, end), end]:
            assert self._champion is not None
            candidate, version = self._champion
            if begin < moment or moment == end:
                rows = self.traffic.between(begin, moment)
                scores.append(candidate.score(rows.frame))
                versions.append(np.full(len(rows), version))
            if moment < end:
                self._ask(None, moment, scheduled=True)
            begin = moment
        rows = self.traffic.between(start, end)
        return Served(rows, np.concatenate(scores), version, start, end, np.concatenate(versions))

    def _due(self, start: datetime, end: datetime) -> list[datetime]:
        """When `retraining.schedule` asks in the window; a moment at which a training was just made asks no more."""
        cron = self.problem.retraining.schedule
        if cron is None:
            return []
        last = max((one.at for one in self.trainings), default=None)
        return [one for one in Cron.parse(cron).between(start, end) if one != last]

    def _past(self, version: int, as_of: datetime) -> list[Observed]:
        """Earlier windows of this release by the labels known now, oldest first."""
        found = []
        earlier = [number for number, one in enumerate(self.looks[:-1]) if one.served.has(version)]
        for number in earlier[-self.problem.monitoring.memory :]:
            labels = self.looks[number].known_labels(as_of)
            kept = self._seen.get((number, version))
            if kept is None or kept[0] != labels:  # labels only ever come: as many are the same ones
                kept = self._seen[number, version] = (labels, self._observed(number, as_of))
            found.append(kept[1])
        return found

    def _observed(self, number: int, as_of: datetime) -> Observed:
        """A window of this release by the labels known now; the losses expected of its answers never change."""
        assert self._side is not None
        view, place = self.looks[number].view(as_of), (number, self._side.version)
        if place not in self._expected:
            self._expected[place] = self._side.promise.expected(view.of(self._side.version))
        return observe(self._side, view, self._expected[place])

    def _before(self, version: int) -> dict[str, Level]:
        if self._verdict is None or self._verdict.facts.version != version:
            return {}
        return {str(kind): one.level for kind, one in self._verdict.kinds.items()}

    def _baselines(self, look: Look, as_of: datetime) -> list[View]:
        """The same stretch of the year before, where the log reaches so far back."""
        wanted = naive(look.served.start) - np.timedelta64(YEAR_AGO)
        for one in self.looks[:-1]:
            enough = len(one.served.traffic) >= self.problem.monitoring.min_rows
            if enough and naive(one.served.start) == wanted:
                return [one.view(as_of)]
        return []

    def _act(self, verdict: Verdict, now: datetime, last: bool) -> RetrainDecision:
        """What the policy says, and the training if it acts; after the last window nobody would be served by one."""
        self._verdict = verdict
        return self._ask(verdict, now, last=last)

    def _ask(
        self, verdict: Verdict | None, now: datetime, *, scheduled: bool = False, last: bool = False
    ) -> RetrainDecision:
        assert self._champion is not None
        candidate, _ = self._champion
        labels = Labels(self.traffic.new_labels(candidate.as_of, now), candidate.as_of, candidate.labels)
        past = RetrainingHistory(
            asked=tuple(self._asked), rejections=self._rejections, tried=self._tried, needed=self._needed
        )
        decision = decide_retraining(self.problem.retraining, verdict, past, labels, now, scheduled)
        if decision.act and not last:
            self._asked.append(now)
            self._tried = labels
            self._retrain(decision, now)
        return decision

    def _retrain(self, decision: RetrainDecision, now: datetime) -> None:
        change = Change(kind=change_kind(decision.triggers), text="; ".join(decision.reasons))
        tried = self.trainer(now, self._champion, change)
        self._note(tried, now, decision.reasons)
        self._needed = None if tried.decision is None else in_all(self.problem, tried.decision.needed_labels)
        if tried.candidate is not None and tried.outcome == "promote":
            self._rejections = 0
            self._enthrone(tried.candidate, len(self.trainings))
        elif not set(decision.triggers) <= set(REGULAR) and tried.lost:
            self._rejections += 1

    def _enthrone(self, candidate: Candidate, version: int) -> None:
        self._champion, self._side = (candidate, version), candidate.side(version)

    def _note(self, tried: Tried, at: datetime, reasons: Sequence[str]) -> None:
        decision = tried.decision
        told = decision.reasons if decision is not None else [tried.why or "it failed"]
        labels = 0 if tried.candidate is None else tried.candidate.labels
        self.trainings.append(
            Training(
                at=at,
                version=len(self.trainings) + 1,
                outcome=tried.outcome,
                reasons=tuple(reasons),
                gate=tuple(told),
                path=None if decision is None else decision.path,
                learner=tried.learner,
                rows=tried.rows,
                labels=labels,
                cpu_seconds=tried.cpu_seconds,
            )
        )

    def _keep(self, verdict: Verdict, decision: RetrainDecision, asked: str) -> None:
        served = self.looks[-1].served
        task = self.traffic.contract.task
        self.windows.append(
            WindowOutcome(
                start=served.start,
                end=served.end,
                version=served.version,
                rows=len(served.traffic),
                labels=int(np.isfinite(served.traffic.labels_at(served.end)).sum()),
                level=verdict.level,
                kinds={str(kind): one.level for kind, one in verdict.kinds.items()},
                reasons=tuple(verdict.reasons),
                numbers=dict(verdict.numbers),
                loss=measure(task, served.traffic.labels, served.scores),
                asked=asked,
                blocked_by=tuple(decision.blocked_by),
            )
        )
