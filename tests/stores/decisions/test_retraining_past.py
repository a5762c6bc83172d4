from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.core.problem import Problem
from pipelines.core.retraining import Labels, RetrainingHistory
from pipelines.core.settings import Settings
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.decisions.retraining_past import labels_of, retraining_past

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL

NOW = datetime(2013, 3, 8, tzinfo=UTC)
DAY = timedelta(days=1)
PROBLEM = Problem.model_validate({"name": "p", "data": {"source": "p.csv", "target": "y"}, "split": {"test": 0.25}})


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    opened = Ledger(settings.database)
    yield opened
    opened.close()


def decide(ledger: Ledger, *outcomes: str) -> None:
    for number, outcome in enumerate(outcomes):
        kind = {"roll_back": "roll_back", "declined": "approval", "approved": "approval"}.get(outcome, "release")
        ledger.record(f"{kind}:{number}", at=NOW, problem="p", kind=kind, outcome=outcome, version=number + 1)


def test_nothing_has_happened_yet(ledger: Ledger) -> None:
    assert retraining_past(ledger, PROBLEM, NOW) == RetrainingHistory([], rehearsed=[])


def test_the_last_request_counts_on_its_own_clock(ledger: Ledger) -> None:
    for number, as_of in enumerate([NOW - 3 * DAY, NOW - DAY, NOW + DAY]):
        request = ledger.request("p", f"k{number}", reason="", as_of=as_of, at=NOW)
        ledger.finish(request.id, NOW, "keep")
    assert retraining_past(ledger, PROBLEM, NOW).last_retraining == NOW - DAY
    assert retraining_past(ledger, PROBLEM, (NOW - 2 * DAY).replace(tzinfo=None)).last_retraining == NOW - 3 * DAY


def test_a_request_in_flight_is_named(ledger: Ledger) -> None:
    ledger.request("other", "theirs", reason="", as_of=NOW, at=NOW)
    assert retraining_past(ledger, PROBLEM, NOW).pending is None
    ledger.request("p", "mine", reason="", as_of=NOW, at=NOW)
    assert retraining_past(ledger, PROBLEM, NOW).pending == "mine"


@pytest.mark.parametrize(
    ("outcomes", "rejections"),
    [
        (["promote", "keep", "keep"], 2),
        (["keep", "keep", "promote"], 0),
        (["keep", "roll_back", "keep"], 1),
        (["keep", "awaiting_approval", "declined"], 2),
        (["keep", "awaiting_approval", "approved", "keep"], 1),
        (["keep", "not_enough_data", "keep"], 2),
    ],
)
def test_rejections_in_a_row_are_counted(ledger: Ledger, outcomes: list[str], rejections: int) -> None:
    decide(ledger, *outcomes)
    assert retraining_past(ledger, PROBLEM, NOW).rejections == rejections


def test_a_duel_that_was_not_decided_counts_and_too_few_labels_do_not(ledger: Ledger) -> None:
    for number, name in enumerate(["gain", "labels"]):
        evidence = {"checks": [{"name": name, "passed": False}]}
        ledger.record(
            f"release:{number}", at=NOW, problem="p", kind="release", outcome="not_enough_data", evidence=evidence
        )
    assert retraining_past(ledger, PROBLEM, NOW).rejections == 1


def reject(ledger: Ledger, key: str, actor: str, triggers: list[str]) -> None:
    evidence = {"triggers": triggers}
    request = ledger.request("p", key, reason="", as_of=NOW, at=NOW, actor=actor, evidence=evidence)
    about = {"request": request.id}
    ledger.record(f"release:{key}", at=NOW, problem="p", kind="release", outcome="keep", evidence=about)
    ledger.finish(request.id, NOW, "keep")


def test_a_regular_training_that_lost_says_nothing_of_alarms(ledger: Ledger) -> None:
    reject(ledger, "grown", "policy", ["growth"])
    reject(ledger, "old", "policy", ["every", "schedule"])
    assert retraining_past(ledger, PROBLEM, NOW).rejections == 0
    reject(ledger, "alarmed", "policy", ["growth", "performance"])
    assert retraining_past(ledger, PROBLEM, NOW).rejections == 1


def test_a_person_who_asks_for_a_training_starts_the_count_anew(ledger: Ledger) -> None:
    reject(ledger, "one", "policy", ["performance"])
    reject(ledger, "two", "policy", ["performance"])
    reject(ledger, "by hand", "Ada", [])
    assert retraining_past(ledger, PROBLEM, NOW).rejections == 1  # her own


def test_what_a_dry_run_would_have_asked_for_is_told_apart(ledger: Ledger) -> None:
    for number, outcome in enumerate(["dry_run", "blocked"]):
        ledger.record(f"r{number}", at=NOW - number * DAY, problem="p", kind="retraining", outcome=outcome)
    found = retraining_past(ledger, PROBLEM, NOW)
    assert (found.asked, found.rehearsed) == ([], [NOW])


def test_the_labels_of_the_last_request_are_known(ledger: Ledger) -> None:
    since = NOW - 30 * DAY
    kept = {"labels": {"new": 7, "since": since.isoformat(), "known": 70}}
    request = ledger.request("p", "k", reason="", as_of=NOW, at=NOW, evidence=kept)
    ledger.finish(request.id, NOW, "keep")
    assert retraining_past(ledger, PROBLEM, NOW).tried == Labels(7, since, 70)
    assert labels_of({}) is None


def test_what_the_gate_says_would_settle_it_is_told_of_the_last_training(ledger: Ledger) -> None:
    for number, needed in enumerate([400, 1000]):
        request = ledger.request("p", f"k{number}", reason="", as_of=NOW + number * DAY, at=NOW)
        evidence = {"request": request.id, "needed_labels": needed}
        ledger.record(f"r{number}", at=NOW, problem="p", kind="release", outcome="keep", evidence=evidence)
        ledger.finish(request.id, NOW, "keep")
    assert retraining_past(ledger, PROBLEM, NOW).needed == 1600  # a quarter of them is held out
    assert retraining_past(ledger, PROBLEM, NOW + DAY).needed == 4000
    ledger.request("p", "no decision yet", reason="", as_of=NOW + 2 * DAY, at=NOW)
    assert retraining_past(ledger, PROBLEM, NOW + 2 * DAY).needed is None
