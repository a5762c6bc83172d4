"""A service whose plane checks rows by the contract and answers without a model, for the doors of the protocols."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pytest

from pipelines.core.errors import NotFound, Unavailable
from pipelines.core.problem import Problem
from pipelines.core.request_rows import CheckedRows, check_columns, check_rows
from pipelines.core.schema import Column, Contract
from pipelines.stores.bundles.release_info import ReleaseInfo
from services.prediction.answers import Answers
from services.prediction.doors import Asked, Reply
from services.prediction.live_model import LiveModel
from services.prediction.payloads import TooManyRows, refuse_issues

COLUMNS = (
    Column(name="amount", kind="numeric", minimum=0, required=True, example=12.5),
    Column(name="purpose", kind="categorical", categories=["car", "house"], example="car"),
    Column(name="since", kind="datetime", example="2020-01-01T00:00:00"),
    Column(name="employed", kind="numeric", boolean=True, example=True),
)


def make_model(version: int = 3, name: str = "loans", **changes: Any) -> LiveModel:
    """A release without a model: `changes` are those of its contract."""
    values: dict[str, Any] = {
        "problem": name,
        "task": "binary",
        "target": "repaid",
        "classes": ["no", "yes"],
        "class_type": "text",
        "key": ["id"],
        "columns": COLUMNS,
    }
    history = changes.pop("history", [])
    problem: dict[str, Any] = {
        "name": name,
        "question": "Will it be <repaid>?",
        "data": {"source": f"{name}.csv", "target": "repaid", "time": "since" if history else None},
        "features": {
            "history": [{"name": one, "by": "purpose", "how": "count", "window": "1d"} for one in history],
        },
        "serving": {"max_rows": 50},
    }
    info = ReleaseInfo(name, version, "run", "", "digest", "key")
    return LiveModel(info, Contract(**values | changes), Problem.model_validate(problem), {})


@dataclass
class FakeChampions:
    """Champions that are simply said."""

    models: dict[str, LiveModel]
    waiting: set[str] = field(default_factory=set)
    reached: bool = True
    trouble: str | None = None

    def live(self, problem: str) -> LiveModel:
        if problem in self.waiting:
            raise Unavailable(f"{problem} has no champion yet")
        if problem not in self.models:
            raise NotFound("no such model")
        return self.models[problem]

    def serving(self) -> list[LiveModel]:
        return list(self.models.values())

    def problems(self) -> list[str]:
        return sorted({*self.models, *self.waiting})

    def registered(self, problem: str) -> int | None:
        return 1

    def refused(self, problem: str) -> object | None:
        return None


@dataclass
class FakeTrial:
    """A challenger on trial."""

    model: LiveModel


@dataclass
class FakeRollouts:
    """Trials that are simply said."""

    trials: dict[str, FakeTrial] = field(default_factory=dict)

    def active(self, problem: str) -> FakeTrial | None:
        return self.trials.get(problem)


@dataclass
class FakePlane:
    """Checks as the real one does; row n is answered with the probability n / 10 of the last class."""

    champions: FakeChampions
    checked: list[dict[str, Any]] = field(default_factory=list)
    by: list[LiveModel] | None = None

    async def predict_rows(self, problem: str, rows: list[Any], asked: Asked | None = None) -> Answers:
        contract = self.champions.live(problem).contract
        return self._answer(problem, check_rows(contract, rows), len(rows))

    async def predict_columns(
        self, problem: str, columns: Mapping[str, Any], count: int, asked: Asked | None = None
    ) -> Answers:
        contract = self.champions.live(problem).contract
        return self._answer(problem, check_columns(contract, columns, count), count)

    def _answer(self, problem: str, checked: CheckedRows, count: int) -> Answers:
        model = self.champions.live(problem)
        if count > model.definition.serving.max_rows:
            raise TooManyRows("too many")
        if checked.issues:
            raise refuse_issues(checked.issues)
        self.checked.append({name: list(values) for name, values in checked.columns.items()})
        odds = np.arange(count) / 10
        scores = odds if model.contract.classes is None else np.stack([1 - odds, odds], axis=1)
        return Answers(model, [str(uuid.uuid4()) for _ in range(count)], scores, [], self.by)


@dataclass
class Desk:
    """The service as the doors see it, and how to ask at one."""

    champions: FakeChampions
    rollouts: FakeRollouts
    plane: FakePlane

    def ask(self, door: Callable[..., Any], body: Any = b"", problem: str = "loans", **changes: Any) -> Reply:
        """The reply of a door to a body, bytes or what is to be JSON."""
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        headers = changes.pop("headers", {})
        reply: Reply = asyncio.run(door(self, Asked(problem, raw, headers, **changes)))
        return reply

    @property
    def seen(self) -> dict[str, Any]:
        """The columns that were scored last."""
        return self.plane.checked[-1]


def open_desk(*models: LiveModel) -> Desk:
    champions = FakeChampions({model.info.problem: model for model in models})
    return Desk(champions, FakeRollouts(), FakePlane(champions))


@pytest.fixture
def desk() -> Desk:
    """One binary problem, `loans`, version 3."""
    return open_desk(make_model())


@pytest.fixture
def desk_of() -> Callable[..., Desk]:
    """Desks for other models."""
    return open_desk


@pytest.fixture
def model_of() -> Callable[..., LiveModel]:
    """Other models."""
    return make_model


@pytest.fixture
def trial_of() -> type[FakeTrial]:
    """A challenger on trial."""
    return FakeTrial
