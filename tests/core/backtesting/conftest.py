"""A world small enough to be replayed in a second: a stream whose concept turns round, and a trainer that counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from pipelines.core.backtesting.candidates import Candidate, Tried
from pipelines.core.backtesting.spans import windows
from pipelines.core.backtesting.traffic import Traffic, naive
from pipelines.core.checks.decision import Change, Check, Decision
from pipelines.core.contract import infer_contract
from pipelines.core.observation import Answered
from pipelines.core.problem import Problem
from pipelines.core.watching.release_side import ReleaseSide

START = datetime(2024, 2, 1, tzinfo=UTC)
A_WEEK = timedelta(days=7)
PER_DAY = 40


def make_problem() -> Problem:
    return Problem.model_validate(
        {
            "name": "toy",
            "task": "binary",
            "data": {"source": "toy.csv", "target": "y", "time": "at", "label_delay": "1d"},
            "monitoring": {"min_rows": 20, "min_labels": 20},
            "retraining": {"on": ["performance", "calibration"], "min_new_labels": 50},
        }
    )


def make_traffic(turns: datetime | None, days: int = 110, seed: int = 2) -> Traffic:
    """From four weeks before START; the answer to `x` turns round at `turns`."""
    source = np.random.default_rng(seed)
    rows = days * PER_DAY
    begin = START - timedelta(days=28)
    moments = naive(begin) + (np.arange(rows) * (86_400_000_000 // PER_DAY)).astype("timedelta64[us]")
    x = source.choice(["a", "b"], rows)
    turned = np.zeros(rows, dtype=bool) if turns is None else moments >= naive(turns)
    chance = np.where((x == "a") != turned, 0.85, 0.15)
    y = source.random(rows) < chance
    frame = pd.DataFrame({"at": moments, "x": x.astype(object), "y": y})
    contract = infer_contract(make_problem(), frame)
    return Traffic(
        contract=contract,
        history=(),
        frame=frame[["at", "x"]],
        moments=moments,
        known=moments + np.timedelta64(1, "D"),
        labels=y.astype(float),
        ids=np.array([f"{one:06d}" for one in range(rows)], dtype=object),
        order=source.permutation(rows).astype(np.uint64),
    )


@dataclass(frozen=True)
class Counted:
    """Answers each value of `x` by the share that came in the week before."""

    as_of: datetime
    labels: int
    shares: dict[str, float]
    reference: Answered
    traffic: Traffic

    def score(self, frame: pd.DataFrame) -> np.ndarray:
        positive = frame["x"].map(self.shares).to_numpy(dtype=float)
        return np.column_stack([1 - positive, positive])

    def side(self, version: int) -> ReleaseSide:
        scores = self.score(self.reference.frame)
        right = scores[np.arange(len(scores)), self.reference.labels.astype(int)]
        reference = Answered(
            self.reference.frame, self.reference.moments, scores, self.reference.labels, self.reference.broken
        )
        return ReleaseSide(version, self.traffic.contract, (), reference, {"log_loss": float(-np.log(right).mean())})


@dataclass
class Counting:
    """A trainer; `asked` tells when, `refuses`: from when on the gate keeps every challenger."""

    traffic: Traffic
    refuses: datetime | None = None
    asked: list[datetime] = field(default_factory=list)
    changes: list[Change | None] = field(default_factory=list)

    def __call__(self, as_of: datetime, champion: tuple[Candidate, int] | None, change: Change | None) -> Tried:
        self.asked.append(as_of)
        self.changes.append(change)
        rows = self.traffic.between(as_of - timedelta(days=8), as_of)
        labels = rows.labels_at(as_of)
        known = np.isfinite(labels)
        frame = rows.frame[known].reset_index(drop=True)
        shares = {
            value: float(np.clip(labels[known][(frame["x"] == value).to_numpy()].mean(), 0.02, 0.98)) for value in "ab"
        }
        held_out = slice(0, None)
        reference = Answered(
            frame[held_out].reset_index(drop=True),
            rows.moments[known][held_out],
            np.empty((0, 2)),
            labels[known][held_out],
            {},
        )
        kept = champion is not None and self.refuses is not None and as_of >= self.refuses
        checks = [Check(name="gain", passed=not kept, reason="no better than the champion" if kept else "better")]
        decision = Decision(outcome="keep" if kept else "promote", checks=checks, reasons=[checks[0].reason], path=None)
        candidate = Counted(as_of, int(known.sum()), shares, reference, self.traffic)
        return Tried(candidate, decision, None, "counting", len(frame), 1.5)


@dataclass(frozen=True)
class World:
    """The problem, how its stream is made, its trainer, and so many weekly windows from START."""

    problem: Problem
    traffic: Callable[..., Traffic]
    trainer: type[Counting]
    start: datetime = START

    def spans(self, weeks: int = 10) -> list[tuple[datetime, datetime]]:
        return list(windows(START, START + weeks * A_WEEK, A_WEEK))


@pytest.fixture(scope="session")
def world() -> World:
    return World(make_problem(), make_traffic, Counting)
