from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit, softmax

from pipelines.core.contract import Column, Contract
from pipelines.core.observation import Answered
from pipelines.core.problem import Problem
from pipelines.core.watching.observed import Observed, observe
from pipelines.core.watching.release_side import ReleaseSide
from pipelines.core.watching.view import ColumnCounts, View

RELEASED = datetime(2021, 3, 1, tzinfo=UTC)
CLASSES = {"binary": ["no", "yes"], "multiclass": ["a", "b", "c"], "regression": None}
Truth = Callable[[np.ndarray], np.ndarray]


@dataclass
class World:
    """A release whose answers are the truth (as long as nobody turns it), and the windows of its log."""

    task: Any = "binary"
    base: float = 0.0
    rows: int = 200
    """A day."""
    reference_days: int = 20
    seed: int = 0
    monitoring: dict[str, Any] | None = None
    hours: int = 24
    """Of a window."""

    def __post_init__(self) -> None:
        self.problem = Problem.model_validate(
            {
                "name": "p",
                "task": self.task,
                "data": {"source": "p.csv", "target": "y", "time": "at"},
                "monitoring": {"window": f"{self.hours}h", **(self.monitoring or {})},
            }
        )
        reference = self.answered(-self.reference_days * 24, self.reference_days * 24, lambda answer: answer)
        losses = {"rmse": 1.0} if self.task == "regression" else {"log_loss": self._loss(reference)}
        contract = Contract(
            problem="p",
            task=self.task,
            target="y",
            classes=CLASSES[self.task],
            class_type=None if self.task == "regression" else "text",
            time="at",
            columns=(
                Column(name="x", kind="numeric", low=-9, high=9),
                Column(name="at", kind="datetime", feature=False),
            ),
        )
        self.side = ReleaseSide(1, contract, (), reference, losses, {"x": 1.0})

    def answered(self, hour: int, hours: int, truth: Truth) -> Answered:
        """The rows of `hours` hours from `hour` after the release, labelled by `truth` of the answers."""
        source = np.random.default_rng([self.seed, hour + 10_000])
        count = max(self.rows * hours // 24, 1)
        x = source.standard_normal(count)
        first = np.datetime64(RELEASED.replace(tzinfo=None), "us") + np.timedelta64(hour, "h")
        moments = first + np.sort(source.integers(0, hours * 3_600_000_000, count)).astype("timedelta64[us]")
        if self.task == "regression":
            scores = x
            labels = truth(scores) + source.standard_normal(count)
        elif self.task == "multiclass":
            scores = softmax(np.column_stack([x, np.zeros(count), -x]), axis=1)
            steps = np.cumsum(truth(scores), axis=1)
            labels = np.minimum((source.random(count)[:, None] > steps).sum(axis=1), 2).astype(float)
        else:
            likely = expit(self.base + 1.2 * x)
            scores = np.column_stack([1 - likely, likely])
            labels = (source.random(count) < truth(scores)[:, 1]).astype(float)
        return Answered(pd.DataFrame({"x": x}), moments, scores, labels, {})

    def view(self, window: int, truth: Truth | None = None, labelled: float = 1.0, version: int = 1) -> View:
        """Window `window` (from 0) with the first `labelled` of its labels known."""
        rows = self.answered(window * self.hours, self.hours, truth or (lambda answer: answer))
        count = len(rows.scores)
        labels = np.where(np.arange(count) < labelled * count, rows.labels, np.nan)
        start = RELEASED + timedelta(hours=window * self.hours)
        end = start + timedelta(hours=self.hours)
        sample = Answered(rows.frame, rows.moments, rows.scores, labels, {})
        versions = np.full(count, version)
        return View(start, end, end, count, {version: count}, [ColumnCounts("x")], sample, versions)

    def windows(self, count: int, truth: Truth | None = None, since: int = 0, first: int = 0) -> list[Observed]:
        """What the windows from `first` on showed; `truth` holds from window `since` on."""
        return [observe(self.side, self.view(one, truth if one >= since else None)) for one in range(first, count)]

    def _loss(self, rows: Answered) -> float:
        right = rows.scores[np.arange(len(rows.labels)), rows.labels.astype(int)]
        return float(-np.log(right).mean())


def useless(answer: np.ndarray) -> np.ndarray:
    """The truth no longer has anything to do with the answers."""
    return np.broadcast_to(answer.mean(axis=0), answer.shape)


def more_often(answer: np.ndarray) -> np.ndarray:
    """The second class comes more often than said."""
    likely = expit(logit(answer[:, 1]) + 1.0)
    return np.column_stack([1 - likely, likely])


@pytest.fixture
def world() -> type[World]:
    return World


@pytest.fixture
def truths() -> dict[str, Truth]:
    return {"useless": useless, "more often": more_often, "wrong way": lambda answer: answer[..., ::-1]}


class Depot:
    """A release that uses `size` most, `town` some and `spare` not at all, and windows of its log in Monday weeks.

    Town c is where it is bad. `night` follows the hour, `load` the weekday, `heat` wanders from day to day.
    """

    columns = (
        Column(name="size", kind="numeric", low=-6, high=6),
        Column(name="town", kind="categorical", seen=["a", "b", "c"]),
        Column(name="spare", kind="numeric", low=-6, high=6),
        Column(name="night", kind="numeric", low=-6, high=9),
        Column(name="load", kind="numeric", low=-6, high=9),
        Column(name="heat", kind="numeric"),
    )
    usage: dict[str, float] = {"size": 0.5, "town": 0.3, "spare": 0.0, "night": 0.1, "load": 0.1, "heat": 0.0}  # noqa: RUF012

    def __init__(self, days: int = 56, a_day: int = 150, monitoring: dict[str, Any] | None = None) -> None:
        watched = {"window": "1w", **(monitoring or {})}
        source = {"source": "p.csv", "target": "y", "time": "at"}
        self.problem = Problem.model_validate({"name": "p", "data": source, "monitoring": watched})
        self.start, self.a_day = datetime(2024, 3, 4, tzinfo=UTC), a_day
        self.contract = Contract(
            problem="p",
            task="binary",
            target="y",
            classes=["no", "yes"],
            class_type="text",
            time="at",
            columns=(*self.columns, Column(name="at", kind="datetime", feature=False)),
        )
        self.side = self.release(self.rows(-days, days * 24))

    def release(self, reference: Answered, usage: dict[str, float] | None = None) -> ReleaseSide:
        return ReleaseSide(1, self.contract, (), reference, {}, self.usage if usage is None else usage)

    def rows(self, day: float, hours: float, count: int | None = None, seed: int | None = None) -> Answered:
        rng = np.random.default_rng(100_000 + int(day * 24) if seed is None else seed)
        n = round(self.a_day * hours / 24) if count is None else count
        start = np.datetime64(self.start.replace(tzinfo=None), "us") + np.timedelta64(round(day * 86400), "s")
        moments = start + np.sort(rng.random(n) * hours * 3600e6).astype("timedelta64[us]")
        days = (moments - np.datetime64("2024-01-01", "us")) / np.timedelta64(1, "D")
        luck = np.random.default_rng(7).normal(size=4000)[np.floor(days).astype(int) % 4000]
        size, town = rng.normal(size=n), rng.choice(np.array(["a", "b", "c"], dtype=object), n, p=[0.5, 0.4, 0.1])
        said = expit(2 * size)
        true = np.where(town == "c", 1 - said, said)
        frame = pd.DataFrame(
            {
                "size": size,
                "town": pd.Series(town, dtype=object),
                "spare": rng.normal(size=n),
                "night": rng.normal(size=n) + 3 * (np.floor(days * 4) % 4 == 0),
                "load": rng.normal(size=n) + 3 * (np.floor(days) % 7 >= 5),
                "heat": 0.3 * rng.normal(size=n) + luck,
            }
        )
        labels = (rng.random(n) < true).astype(float)
        return Answered(frame, moments, np.column_stack([1 - said, said]), labels, {})

    def view(
        self,
        day: float = 0,
        hours: float = 168,
        change: Callable[[pd.DataFrame], None] | None = None,
        count: int | None = None,
        rows: int | None = None,
        seed: int | None = None,
    ) -> View:
        """A window that starts `day` days after a Monday; `change` spoils its frame; `rows` that it pretends to."""
        found = self.rows(day, hours, count, seed)
        if change is not None:
            change(found.frame)
        start, scale = self.start + timedelta(days=day), (rows or len(found)) / max(len(found), 1)
        end, counts = start + timedelta(hours=hours), []
        for column in self.columns:
            values = found.frame[column.name]
            seen = ~values.dropna().isin(column.seen) if column.seen is not None else []
            numbers = pd.to_numeric(values, errors="coerce").dropna()
            outside = [] if column.low is None else ~numbers.between(column.low, column.high or 0)
            shares = [values.isna().sum(), np.sum(seen), np.sum(outside)]
            counts.append(ColumnCounts(column.name, *(round(float(one) * scale) for one in shares)))
        versions = np.ones(len(found), dtype=int)
        return View(start, end, end, rows or len(found), {1: rows or len(found)}, counts, found, versions)


@pytest.fixture(scope="module")
def depot() -> Depot:
    return Depot()


@pytest.fixture(scope="module")
def make_depot() -> type[Depot]:
    return Depot
