"""Cards with everything in them, for each task, and with next to nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.cards.model_card import write_cards
from pipelines.core.contract import infer_contract
from pipelines.core.evaluation.behaviour import Behaved
from pipelines.core.evaluation.cost import Cost
from pipelines.core.evaluation.explanation import Effect, Explanation, Importance
from pipelines.core.evaluation.fairness import Fairness, Group
from pipelines.core.evaluation.rehearsal import Rehearsal
from pipelines.core.evaluation.robustness import Stress
from pipelines.core.gate import Decision, decide_release
from pipelines.core.labels import decode
from pipelines.core.metrics import Comparison, Metric
from pipelines.core.problem import Problem, Task
from pipelines.core.schema import Contract
from pipelines.core.scorecard import Champion, Evidence, Leak, Scorecard, judge

CLASSES: dict[Task, list[Any]] = {
    "binary": ["no", "yes"],
    "multiclass": ["<b>Adélie</b>", "$Gentoo$", "企鵝"],
    "regression": [],
}
ODD = "<script>alert(1)</script> | $x_1$ `y`"


@dataclass(frozen=True)
class Case:
    """What `write_cards` takes."""

    problem: Problem
    contract: Contract
    card: Scorecard
    decision: Decision
    reference: pd.DataFrame
    rehearsal: Rehearsal | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path, **changes: Any) -> dict[str, Path]:
        """The cards of this case."""
        given = {**self.__dict__, **changes}
        return write_cards(
            folder,
            given["facts"],
            given["problem"],
            given["contract"],
            given["card"],
            given["decision"],
            given["rehearsal"],
            given["reference"],
            given.get("datasheet"),
        )


@pytest.fixture(scope="session")
def make_case() -> Callable[..., Case]:
    """Cases by task: `full` ones have every part of a scorecard, others what `judge` alone gives."""
    return build_case


@cache  # nothing in a case is ever changed
def build_case(task: Task = "binary", full: bool = True, rows: int = 400, seed: int = 0) -> Case:
    source = np.random.default_rng(seed)
    frame, y, scores, worse = _made(task, rows, source)
    problem = _problem(full)
    contract = infer_contract(problem, frame)
    sizes = np.where(source.random(rows) < 0.6, "big", ODD).astype(object)
    card = judge(
        problem,
        contract.task,
        Evidence(
            ids=np.array([f"{one:05d}" for one in range(rows)]),
            y=y,
            candidate=scores,
            baseline=_baseline(task, y, rows),
            champion=worse if full else None,
            slices={"size": sizes} if full else {},
            features=frame.drop(columns="y"),
        ),
        "ab" * 32,
        period=(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)) if full else None,
        classes=contract.classes,
        champion=Champion(version=3, digest="cd" * 32) if full else None,
        **(_extras(task) if full else {}),
    )
    rehearsal = Rehearsal(rows=200, wrong=0, largest=1e-12, tolerance=1e-6, latency_ms=2.1, size_mb=0.4, compiled=True)
    return Case(
        problem=problem,
        contract=contract,
        card=card,
        decision=decide_release(problem, card),
        reference=_reference(contract, frame, scores),
        rehearsal=rehearsal if full else None,
        facts=_facts() if full else {},
    )


def _problem(full: bool) -> Problem:
    features: dict[str, Any] = {"categorical": "kind"}
    told = {"question": f"Why? {ODD}", "owner": "Ada"} if full else {}
    wanted = {"slices": "kind", "protected": "kind"} if full else {}
    data = {"source": "x.csv", "target": "y"}
    return Problem.model_validate({"name": "x", "data": data, "features": features, "good_enough": wanted, **told})


def _made(
    task: Task, rows: int, source: np.random.Generator
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    a, noise, other = source.normal(size=(3, rows))
    frame = pd.DataFrame({"a $1$": a, "kind": source.choice(["u", "v", ODD], rows)})
    if task == "regression":
        return frame.assign(y=a + noise), a + noise, a, a * 0.7 + 0.2 * other
    count = len(CLASSES[task])
    raw = np.column_stack([np.zeros(rows), a * 1.5, *([-a] if count == 3 else [])])
    chances = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    y = (source.random((rows, 1)) > chances.cumsum(axis=1)).sum(axis=1).clip(0, count - 1)
    # In the contract's order, which is sorted: what is asked for here must be the same.
    order = np.argsort([str(one) for one in CLASSES[task]])
    rank = np.argsort(order)
    blurred = 0.6 * chances + 0.4 / count
    labels = np.array(CLASSES[task], dtype=object)[y]
    return frame.assign(y=labels), rank[y].astype(float), chances[:, order], blurred[:, order]


def _baseline(task: Task, y: np.ndarray, rows: int) -> np.ndarray:
    if task == "regression":
        return np.full(rows, y.mean())
    count = len(CLASSES[task])
    return np.tile(np.bincount(y.astype(int), minlength=count) / rows, (rows, 1))


def _reference(contract: Contract, frame: pd.DataFrame, scores: np.ndarray) -> pd.DataFrame:
    made = frame.drop(columns="y").assign(label=frame["y"])
    if contract.classes is None:
        return made.assign(prediction=scores)
    answers = [decode(contract, float(one)) for one in scores.argmax(axis=1)]
    return made.assign(
        prediction=answers, **{f"probability_{one}": scores[:, i] for i, one in enumerate(contract.classes)}
    )


def _extras(task: Task) -> dict[str, Any]:
    rate = Metric(value=0.4, low=0.3, high=0.5)
    groups = [Group(value="u", rows=200, rates={"selection_rate": rate}), Group(value=ODD, rows=9, rates={})]
    behaved = {"feature": "a $1$", "change": "add 1", "expect": "higher", "rows": 50, "share": 0.9, "wanted": 0.95}
    fall = Comparison(metric="log_loss", difference=0.1, low=0.05, high=0.2)
    values: list[float | str] = [-1.0, 0.0, 1.0]
    return {
        "fitted": {"log_loss": Metric(value=0.01), "rmse": Metric(value=0.5)},
        "leaks": [Leak(feature="a $1$", score=0.999, measure="roc_auc", reason="tells it alone")],
        "fairness": [Fairness(column="kind", groups=groups, gaps={"demographic_parity_difference": rate})],
        "robustness": [Stress(name="noise", what="0.5 sd", rows=300, metric=Metric(value=0.7), fall=fall)],
        "behaviour": [
            Behaved(**behaved, passed=False),
            Behaved(**{**behaved, "share": None, "rows": 0}, passed=False, reason="it is no feature of the model"),
        ],
        "explanation": Explanation(
            rows=300,
            importances=[
                Importance(feature="a $1$", fall=0.3, low=0.2, high=0.4, contribution=0.7),
                Importance(feature="kind", fall=-0.01),
            ],
            effects=[
                Effect(feature="a $1$", values=values, answers=[0.2, 0.5, 0.8]),
                Effect(feature="kind", values=["u", ODD, "v"], answers=[0.5, 0.4, 0.5]),
                Effect(feature="kind", values=["u", ODD, "v"], answers=[0.2, 0.3, 0.1], answer="probability of $yes$"),
            ],
            notes=["no time for SHAP"],
        ),
        "cost": Cost(train_seconds=12.3, energy_wh=0.04, energy_method="guessed", model_bytes=123456, row_ms=0.8),
        "notes": ["dependent rows: days", "slice column 'q' is not among the prepared columns: not judged"],
    }


def _facts() -> dict[str, Any]:
    code = {"commit": "0" * 40, "clean": True, "version": "1.0", "digest": "ef" * 32, "libraries": {"numpy": "2.0"}}
    return {
        "problem": "x",
        "run_id": "r1",
        "run_key": "k1",
        "as_of": "2024-02-01T00:00:00+00:00",
        "snapshot": "12" * 32,
        "rows": 2000,
        "labels": 1900,
        "trained_rows": 1500,
        "problem_digest": "34" * 32,
        "contract_digest": "56" * 32,
        "code": code,
        "learner": "linear",
        "params": {"C": 1.0},
        "history": ["rate_7d"],
        "serving": {"compiled": True},
    }


@pytest.fixture
def backtest_result() -> dict[str, Any]:
    """What a backtest of two policies gives, with the fields that the page reads."""
    start = datetime(2024, 1, 1, tzinfo=UTC)

    def window(number: int, loss: float, version: int, verdict: str) -> dict[str, Any]:
        begin = start + timedelta(days=7 * number)
        facts = {"start": begin.isoformat(), "end": (begin + timedelta(days=7)).isoformat(), "rows": 100, "labels": 90}
        why = ["since 3 April the loss is above what was <b>promised</b>"] if verdict == "alarm" else []
        told = {"verdict": verdict, "kinds": {"performance": verdict}, "loss": loss, "loss_rows": 100}
        return {
            **facts,
            **told,
            "version": version,
            "reasons": why,
            "numbers": {},
            "asked": "nothing",
            "blocked_by": [],
        }

    def training(at: str, outcome: str) -> dict[str, Any]:
        why = {"reasons": ["performance: it broke"], "gate": ["better"], "path": "superior", "learner": "linear"}
        return {"at": at, "version": 2, "outcome": outcome, **why, "rows": 9, "labels": 9, "cpu_seconds": 2.0}

    def policy(name: str, losses: list[float], trainings: int) -> dict[str, Any]:
        levels = ["healthy", "alarm", *["alarm" if trainings == 1 else "healthy"] * 2]
        windows = [window(n, loss, 1, levels[n]) for n, loss in enumerate(losses)]
        after = {"at": windows[1]["end"], "kinds": ["performance"], "reasons": [], "answer": "promote", "windows": 2}
        counts = {"retrainings": trainings - 1, "rejected": 0, "alarms": levels.count("alarm"), "compute_s": 4.0}
        return {
            "name": name,
            "loss": sum(losses) / len(losses),
            **counts,
            "windows": windows,
            "trainings": [training(windows[2 * n]["start"], "promote") for n in range(trainings)],
            "aftermath": [{**after, "promised": 0.5, "left_alone": 0.9, "actual": losses[-1]}],
            "policy": {"on": ["performance"], "growth": None, "enabled": True, "cooldown": "1w"},
        }

    return {
        "problem": "trains",
        "question": "Will it be late?",
        "task": "binary",
        "metric": "log_loss",
        "start": start.isoformat(),
        "end": (start + timedelta(days=28)).isoformat(),
        "window": "1w",
        "rows": 400,
        "policies": [policy("never", [0.5, 0.9, 0.9, 0.9], 1), policy("performance", [0.5, 0.9, 0.5, 0.5], 2)],
        "notes": ["Not replayed: the rehearsal over HTTP."],
        "seconds": 3.0,
    }
