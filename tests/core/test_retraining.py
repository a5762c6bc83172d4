from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.drift import KindVerdict, Verdict, WindowFacts
from pipelines.core.problem import Retraining
from pipelines.core.retraining import RetrainingHistory, decide_retraining

NOW = datetime(2013, 3, 8, tzinfo=UTC)
FRESH = RetrainingHistory()


def verdict(**levels: Any) -> Verdict:
    kinds: dict[Any, KindVerdict] = {
        kind: KindVerdict(levels.get(kind, "healthy"), [f"{kind} says so"])
        for kind in ("performance", "prediction", "data", "quality")
    }
    facts = WindowFacts(1, NOW - timedelta(days=7), NOW, NOW, rows=100, labels=100)
    return Verdict("p", "alarm", kinds, facts, {})


def decide(policy: Retraining, found: Verdict, history: RetrainingHistory = FRESH, labels: int = 1000) -> Any:
    return decide_retraining(policy, found, history, labels, NOW)


def test_an_alarm_on_performance_acts() -> None:
    decision = decide(Retraining(), verdict(performance="alarm"))
    assert decision.act
    assert decision.reasons == ["performance: performance says so"]
    assert decision.blocked_by == []


@pytest.mark.parametrize("levels", [{"performance": "warning"}, {"data": "warning"}, {"quality": "alarm"}, {}])
def test_nothing_else_asks_by_default(levels: dict[str, str]) -> None:
    decision = decide(Retraining(), verdict(**levels))
    assert (decision.act, decision.reasons, decision.blocked_by) == (False, [], [])


@pytest.mark.parametrize("kind", ["data", "prediction"])
def test_drift_asks_where_the_policy_names_it(kind: str) -> None:
    policy = Retraining.model_validate({"on": ["performance", kind]})
    assert decide(policy, verdict(**{kind: "warning"})).act


@pytest.mark.parametrize(
    ("policy", "history", "labels", "text"),
    [
        ({"enabled": False}, FRESH, 1000, "enabled is false"),
        ({}, RetrainingHistory(pending="retrain:x"), 1000, "under way"),
        ({}, RetrainingHistory(last_retraining=NOW - timedelta(days=6)), 1000, "until 2013-03-09 00:00"),
        ({}, FRESH, 99, "99 new labels"),
        ({}, RetrainingHistory(rejections=3), 1000, "a person must decide"),
    ],
)
def test_what_stands_in_the_way_is_said(
    policy: dict[str, Any], history: RetrainingHistory, labels: int, text: str
) -> None:
    decision = decide(Retraining.model_validate(policy), verdict(performance="alarm"), history, labels)
    assert not decision.act
    assert decision.reasons
    assert text in " ".join(decision.blocked_by)


def test_the_cooldown_ends_on_the_dot() -> None:
    history = RetrainingHistory(last_retraining=NOW - timedelta(days=7))
    assert decide(Retraining(), verdict(performance="alarm"), history).act


@given(days=st.integers(0, 30), rejections=st.integers(0, 5), labels=st.integers(0, 300), pending=st.booleans())
def test_it_acts_exactly_when_nothing_blocks(days: int, rejections: int, labels: int, pending: bool) -> None:
    history = RetrainingHistory(NOW - timedelta(days=days), "key" if pending else None, rejections)
    decision = decide(Retraining(), verdict(performance="alarm"), history, labels)
    assert decision.act is (days >= 7 and rejections < 3 and labels >= 100 and not pending)
    assert decision.act is not bool(decision.blocked_by)
