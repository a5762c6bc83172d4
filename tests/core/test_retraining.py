from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.drift import KindVerdict, Verdict, WindowFacts
from pipelines.core.problem import Retraining
from pipelines.core.retraining import (
    Labels,
    RetrainDecision,
    RetrainingHistory,
    decide_retraining,
    fresh_labels,
)

NOW = datetime(2013, 3, 8, tzinfo=UTC)
SINCE = NOW - timedelta(days=60)
DAY = timedelta(days=1)
FRESH = RetrainingHistory()
KINDS = ("performance", "calibration", "estimate", "prediction", "data", "quality")


def verdict(**levels: Any) -> Verdict:
    kinds: dict[Any, KindVerdict] = {
        kind: KindVerdict(levels.get(kind, "healthy"), [f"{kind} says so"]) for kind in KINDS
    }
    facts = WindowFacts(1, NOW - timedelta(days=7), NOW, NOW, rows=100, labels=100)
    return Verdict("p", "alarm", kinds, facts, {})


def decide(
    policy: dict[str, Any],
    found: Verdict | None = None,
    history: RetrainingHistory = FRESH,
    new: int = 1000,
    known: int | None = 10_000,
    now: datetime = NOW,
    scheduled: bool = False,
) -> RetrainDecision:
    asked = Retraining.model_validate({"growth": None, **policy})
    return decide_retraining(asked, found, history, Labels(new, SINCE, known), now, scheduled)


@pytest.mark.parametrize("kind", ["performance", "calibration"])
def test_an_alarm_that_means_harm_acts(kind: str) -> None:
    decision = decide({}, verdict(**{kind: "alarm"}))
    assert (decision.act, decision.outcome, decision.triggers) == (True, "asked", [kind])
    assert decision.reasons == [f"{kind}: {kind} says so"]
    assert decision.blocked_by == []


@pytest.mark.parametrize(
    "levels", [{"performance": "warning"}, {"data": "warning"}, {"estimate": "warning"}, {"quality": "alarm"}, {}]
)
def test_nothing_else_asks_by_default(levels: dict[str, str]) -> None:
    decision = decide({}, verdict(**levels))
    assert (decision.act, decision.outcome, decision.reasons, decision.blocked_by) == (False, "nothing", [], [])


@pytest.mark.parametrize(
    ("kind", "level", "acts"),
    [
        ("data", "warning", True),
        ("prediction", "warning", True),
        ("estimate", "warning", True),
        ("quality", "warning", False),
        ("quality", "alarm", True),
        ("calibration", "warning", False),
        ("performance", "unknown", False),
    ],
)
def test_a_kind_asks_where_the_policy_names_it_by_its_worst_level(kind: str, level: str, acts: bool) -> None:
    assert decide({"on": [kind]}, verdict(**{kind: level})).act is acts


@pytest.mark.parametrize(
    ("policy", "history", "new", "text", "setting"),
    [
        ({"enabled": False}, FRESH, 1000, "enabled is false", "enabled"),
        ({}, RetrainingHistory(pending="retrain:x"), 1000, "under way", "pending"),
        ({}, RetrainingHistory(asked=[NOW - 6 * DAY]), 1000, "until 2013-03-09 00:00", "cooldown"),
        ({}, FRESH, 99, "99 new labels", "min_new_labels"),
        ({}, RetrainingHistory(rejections=3), 1000, "a person must decide", "max_rejections"),
        ({"budget": 2}, RetrainingHistory(asked=[NOW - 300 * DAY, NOW - 30 * DAY]), 1000, "2013-05-12", "budget"),
    ],
)
def test_what_stands_in_the_way_is_said(
    policy: dict[str, Any], history: RetrainingHistory, new: int, text: str, setting: str
) -> None:
    decision = decide(policy, verdict(performance="alarm"), history, new)
    assert (decision.act, decision.outcome, decision.obstacles) == (False, "blocked", [setting])
    assert decision.reasons
    assert text in " ".join(decision.blocked_by)


def test_cooldown_and_budget_end_on_the_dot() -> None:
    assert decide({}, verdict(performance="alarm"), RetrainingHistory(asked=[NOW - 7 * DAY])).act
    assert decide({"budget": 1}, verdict(performance="alarm"), RetrainingHistory(asked=[NOW - 365 * DAY])).act


def test_age_asks_whatever_the_verdict_counted_from_the_last_training_of_any_kind() -> None:
    policy = {"on": [], "every": "4w"}
    assert decide(policy, now=SINCE + 28 * DAY).triggers == ["every"]
    assert not decide(policy, now=SINCE + 27 * DAY).reasons
    late = RetrainingHistory(asked=[SINCE + 20 * DAY])
    assert not decide(policy, history=late, now=SINCE + 47 * DAY).reasons
    assert decide(policy, history=late, now=SINCE + 48 * DAY).act


def test_growth_asks_when_the_labels_have_grown_by_the_share() -> None:
    assert not decide({"growth": 0.5}, new=4_999).reasons
    decision = decide({"growth": 0.5}, new=5_000)
    assert (decision.act, decision.triggers) == (True, ["growth"])
    assert decide({"growth": 0.5}, new=5_000, known=None).outcome == "nothing"  # nobody counted


def test_a_challenger_that_lost_is_not_tried_again_on_the_same_labels() -> None:
    lost = RetrainingHistory(asked=[NOW - 30 * DAY], tried=Labels(5_000, SINCE, 10_000))
    assert not decide({"growth": 0.5}, history=lost, new=8_749).reasons
    assert decide({"growth": 0.5}, history=lost, new=8_750).act  # a further quarter of 15,000
    told = replace(lost, needed=5_000)  # the gate says how many would settle it
    assert not decide({"growth": 0.5}, history=told, new=9_999).reasons
    assert decide({"growth": 0.5}, history=told, new=10_000).act
    assert (
        "5,000 were enough after a challenger that lost" in decide({"growth": 0.5}, history=told, new=10_000).reasons[0]
    )
    hopeless = replace(lost, needed=1_000_000)
    assert not decide({"growth": 0.5}, history=hopeless, new=12_499).reasons
    assert decide({"growth": 0.5}, history=hopeless, new=12_500).act  # all of the growth is always enough
    alarmed = decide({}, verdict(performance="alarm"), lost, new=5_099)
    assert alarmed.obstacles == ["min_new_labels"]
    assert fresh_labels(lost, Labels(5_100, SINCE)) == 100
    other = Labels(5_100, NOW)  # the champion has changed: all of its labels are new
    assert fresh_labels(lost, other) == 5_100


def test_the_breaker_stops_what_alarms_ask_for_and_nothing_else() -> None:
    tripped = RetrainingHistory(rejections=3)
    assert decide({}, verdict(performance="alarm"), tripped).obstacles == ["max_rejections"]
    both = decide({"growth": 0.5}, verdict(performance="alarm"), tripped, new=5_000)
    assert (both.act, both.triggers) == (True, ["growth"])  # so that losing again would not count
    assert decide({"every": "1d", "on": []}, history=tripped).act
    assert decide({"schedule": "0 3 * * 1"}, history=tripped, scheduled=True).act


def test_a_tripped_breaker_lets_one_more_through_when_the_labels_have_doubled() -> None:
    alarm = verdict(performance="alarm")
    lost = RetrainingHistory(asked=[NOW - 60 * DAY], rejections=3, tried=Labels(2_000, SINCE))
    soon = decide({}, alarm, lost, new=3_999)
    assert soon.obstacles == ["max_rejections"]
    assert "or 1 more labels come" in soon.blocked_by[0]
    again = decide({}, alarm, lost, new=4_000)
    assert (again.act, again.triggers) == (True, ["performance"])
    twice = RetrainingHistory(asked=[NOW - 30 * DAY], rejections=4, tried=Labels(4_000, SINCE))
    assert decide({}, alarm, twice, new=7_999).obstacles == ["max_rejections"]  # ever more rarely


def test_a_schedule_goes_by_the_policy_and_not_by_what_waiting_mends() -> None:
    policy = {"schedule": "0 3 * * 1"}
    recent = RetrainingHistory(asked=[NOW - DAY])
    assert decide(policy, history=recent, new=0, scheduled=True).act
    assert decide({**policy, "enabled": False}, scheduled=True).obstacles == ["enabled"]
    assert decide({**policy, "budget": 1}, history=recent, scheduled=True).obstacles == ["budget"]
    both = decide({**policy, "every": "1d"}, history=recent, scheduled=True)
    assert (both.act, both.triggers) == (True, ["every", "schedule"])  # nothing that asks beside it holds it up


def test_a_dry_run_is_said_and_keeps_its_own_cooldown() -> None:
    policy, alarm = {"dry_run": True}, verdict(performance="alarm")
    decision = decide(policy, alarm)
    assert (decision.act, decision.dry_run, decision.outcome, decision.obstacles) == (
        False,
        True,
        "dry_run",
        ["dry_run"],
    )
    again = decide(policy, alarm, RetrainingHistory(rehearsed=[NOW - DAY]))
    assert (again.outcome, again.obstacles) == ("blocked", ["cooldown"])
    assert decide({}, alarm, RetrainingHistory(rehearsed=[NOW - DAY])).act  # a rehearsal holds nothing up


def test_a_decision_survives_being_kept() -> None:
    decision = decide({"every": "1d"}, verdict(performance="alarm"), RetrainingHistory(rejections=3))
    assert RetrainDecision.from_dict(decision.to_dict()) == decision
    assert RetrainDecision.from_dict({"act": True, "reasons": ["a"], "blocked_by": []}).act  # of an earlier version
    assert decision.facts["new_labels"] == 1000


@given(days=st.integers(0, 30), rejections=st.integers(0, 5), new=st.integers(0, 300), pending=st.booleans())
def test_it_acts_exactly_when_nothing_blocks(days: int, rejections: int, new: int, pending: bool) -> None:
    history = RetrainingHistory([NOW - timedelta(days=days)], "key" if pending else None, rejections)
    decision = decide({}, verdict(performance="alarm"), history, new)
    assert decision.act is (days >= 7 and rejections < 3 and new >= 100 and not pending)
    assert decision.act is not bool(decision.blocked_by)
