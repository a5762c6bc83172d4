from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.core.drift import KindVerdict, Verdict, WindowFacts
from pipelines.core.problem import Problem
from pipelines.core.retraining import Labels, RetrainDecision
from pipelines.core.settings import Settings
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.decisions.retraining_asks import ask_forgotten, ask_now, ask_scheduled, decide_now
from pipelines.stores.decisions.retraining_past import retraining_past

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL

NOW = datetime(2013, 3, 8, tzinfo=UTC)
DAY = timedelta(days=1)
LABELS = Labels(1000, NOW - 30 * DAY, 5000)


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    opened = Ledger(settings.database)
    yield opened
    opened.close()


def problem(**retraining: Any) -> Problem:
    data = {"source": "p.csv", "target": "y"}
    return Problem.model_validate({"name": "p", "data": data, "retraining": {"growth": None, **retraining}})


def alarm() -> Verdict:
    facts = WindowFacts(1, NOW - 7 * DAY, NOW, NOW, rows=100, labels=100)
    return Verdict("p", "alarm", {"performance": KindVerdict("alarm", ["the loss rose"])}, facts, {})


def judged(ledger: Ledger, key: str, at: datetime = NOW, **policy: Any) -> RetrainDecision:
    """The decision on an alarm, on record with its verdict; nothing is asked for yet."""
    decision = decide_now(ledger, problem(**policy), key, alarm(), LABELS, at)
    evidence = {"retraining": decision.to_dict()}
    ledger.record(key, at=at, problem="p", kind="verdict", outcome="alarm", evidence=evidence)
    return decision


def said(ledger: Ledger) -> list[str]:
    return [entry.outcome for entry in reversed(ledger.entries("p", "retraining"))]


def test_an_alarm_asks_once_however_often_it_is_judged(ledger: Ledger) -> None:
    for _ in range(3):
        decision = judged(ledger, "verdict:1")
        request = ask_now(ledger, "p", "verdict:1", decision, NOW)
        assert request is not None
        ledger.finish(request.id, NOW, "keep")
    assert decision.act
    (one,) = ledger.requests("p")
    assert (one.key, one.reason) == ("retrain:verdict:1", "performance: the loss rose")
    assert one.evidence["labels"] == {"new": 1000, "since": LABELS.since and LABELS.since.isoformat(), "known": 5000}
    assert retraining_past(ledger, problem(), NOW).tried == LABELS
    assert said(ledger) == ["asked", "done"]


def test_what_stands_in_the_way_is_an_entry_and_the_same_thing_only_one(ledger: Ledger) -> None:
    decision = judged(ledger, "verdict:1", enabled=False)
    assert ask_now(ledger, "p", "verdict:1", decision, NOW) is None
    again = judged(ledger, "verdict:2", NOW + DAY, enabled=False)
    assert ask_now(ledger, "p", "verdict:2", again, NOW + DAY) is None
    other = judged(ledger, "verdict:3", NOW + 2 * DAY, min_new_labels=5000)
    assert ask_now(ledger, "p", "verdict:3", other, NOW + 2 * DAY) is None
    assert said(ledger) == ["blocked", "blocked"]
    newest = ledger.entries("p", "retraining", limit=1)[0]
    assert newest.reasons == ["performance: the loss rose", "1000 new labels: retraining.min_new_labels is 5000"]
    assert newest.evidence["facts"]["new_labels"] == 1000


def test_a_dry_run_records_what_it_would_have_asked_for(ledger: Ledger) -> None:
    for day in range(9):
        at = NOW + day * DAY
        decision = judged(ledger, f"verdict:{day}", at, dry_run=True)
        assert ask_now(ledger, "p", f"verdict:{day}", decision, at) is None
    assert ledger.requests("p") == []
    assert said(ledger) == ["dry_run", "blocked", "dry_run", "blocked"]  # a week apart: its own cooldown holds


def test_a_request_that_nobody_made_is_made_later_and_once(ledger: Ledger) -> None:
    decision = judged(ledger, "verdict:1")
    assert decision.act  # and here whoever judged is killed
    made = ask_forgotten(ledger, "p")
    assert made is not None
    assert (made.key, made.as_of) == ("retrain:verdict:1", NOW)
    assert ask_forgotten(ledger, "p") is None
    ledger.finish(made.id, NOW, "keep")
    assert ask_forgotten(ledger, "p") is None
    assert ask_now(ledger, "p", "verdict:1", decision, NOW) == ledger.find_request(made.id)
    assert len(ledger.requests("p")) == 1


def test_what_a_training_has_answered_since_is_not_forgotten(ledger: Ledger) -> None:
    theirs = ledger.request("p", "by hand", reason="a person asked", as_of=NOW, at=NOW, actor="Ada")
    judged(ledger, "verdict:1")
    ledger.finish(theirs.id, NOW, "promote")
    assert ask_forgotten(ledger, "p") is None
    assert ask_forgotten(ledger, "nothing known of it") is None


def test_a_schedule_asks_through_the_policy_and_once_per_due_moment(ledger: Ledger) -> None:
    regular = problem(schedule="0 3 * * 1")
    for _ in range(2):
        decision = ask_scheduled(ledger, regular, LABELS, NOW)
        assert (decision.act, decision.triggers) == (True, ["schedule"])
    (one,) = ledger.requests("p")
    assert (one.key, one.as_of) == (f"retrain:schedule:p:{NOW.isoformat()}", NOW)
    assert ask_scheduled(ledger, regular, LABELS, NOW + 7 * DAY).obstacles == ["pending"]
    ledger.finish(one.id, NOW, "keep")
    assert retraining_past(ledger, problem(), NOW).tried == LABELS  # so that growth does not try the same labels again
    assert ask_scheduled(ledger, problem(schedule="0 3 * * 1", dry_run=True), LABELS, NOW + 14 * DAY).dry_run
    assert said(ledger) == ["asked", "blocked", "done", "dry_run"]
