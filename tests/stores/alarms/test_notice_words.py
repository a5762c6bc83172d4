from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pipelines.stores.alarms.notice_words import (
    about_labels,
    about_monitor,
    about_reminder,
    about_retraining,
    about_verdict,
)
from pipelines.stores.sql.ledger_tables import Entry
from pipelines.stores.sql.notice_tables import Episode

NOW = datetime(2026, 4, 12, 3, 4, tzinfo=UTC)
CONSOLE = "https://ratchet.example.org"


def entry(**evidence: object) -> Entry:
    kinds = {
        "performance": {"level": "alarm", "reasons": ["since 3 April the loss is 0.08 above what was promised"]},
        "data": {"level": "warning", "reasons": ["dep_delay has moved"]},
    }
    facts = {"kinds": kinds, "start": "2026-04-05", "end": "2026-04-12", "rows": 9000, "labels": 8000, **evidence}
    return Entry(7, "verdict:p", NOW, "p", "verdict", "alarm", 3, None, "flow", [], dict(facts), NOW)


def test_an_alarm_says_what_since_when_and_where_to_look() -> None:
    subject, body = about_verdict(entry(retraining={"act": True}), "begun", ["performance"], CONSOLE)
    assert subject == "p: alarm: performance"
    assert body["reasons"] == ["since 3 April the loss is 0.08 above what was promised"]  # of the kinds in question
    assert body["link"] == "https://ratchet.example.org/problems/p/verdicts/7"
    assert (body["rows"], body["version"], body["retraining"]) == (9000, 3, "asked for")
    assert body["text"].splitlines() == [subject, f"- {body['reasons'][0]}", body["link"]]


def test_what_is_done_about_it_is_said() -> None:
    def retraining(**decision: object) -> str:
        return str(about_verdict(entry(retraining=decision), "begun", [], CONSOLE)[1]["retraining"])

    assert retraining() == "not asked for"
    assert retraining(act=False, blocked_by=["the cooldown lasts", "no labels"]) == "the cooldown lasts; no labels"
    assert "dry run" in retraining(dry_run=True, blocked_by=["retraining.dry_run is true"])


def test_each_event_has_its_head() -> None:
    heads = [about_verdict(entry(), event, ["data"], CONSOLE)[0] for event in ("worse", "recovered")]
    assert heads == ["p: alarm now also on data", "p: healthy again: data"]


def test_a_reminder_says_how_it_is_ended() -> None:
    episode = Episode("k", "p", "health", ["data"], ["data"], ["data"], NOW, 7, 9, "s", NOW, 1)
    subject, body = about_reminder(episode, CONSOLE)
    assert subject == "p: still in alarm since 2026-04-12 03:04: data"
    assert "ratchet alarms acknowledge p" in body["text"]
    assert body["link"].endswith("/problems/p/verdicts/9")
    assert about_reminder(replace(episode, topic="monitor"), CONSOLE)[1]["link"].endswith("/problems/p")


def test_what_has_ceased_is_said_and_when_it_is_back() -> None:
    subject, body = about_monitor("p", True, entry(), timedelta(days=7), CONSOLE)
    assert subject == "p: no verdict since 2026-04-12 03:04 UTC"
    assert "three windows of 1w" in body["reasons"][0]
    assert about_monitor("p", False, entry(), timedelta(days=7), CONSOLE)[0] == "p: verdicts are back"
    subject, body = about_labels(entry(labels=0), True, "2026-03-01", CONSOLE)
    assert subject == "p: labels have ceased"
    assert "9,000 answers and no label" in body["reasons"][0]
    assert about_labels(entry(), False, None, CONSOLE)[0] == "p: labels are back"


def test_a_retraining_that_is_stuck_links_to_its_entry() -> None:
    failed = replace(entry(), kind="retraining", outcome="failed", reasons=["NotEnoughData: 3 labels"])
    subject, body = about_retraining(failed, True, CONSOLE)
    assert (subject, body["reasons"]) == ("p: a retraining failed", ["NotEnoughData: 3 labels"])
    assert body["link"].endswith("/problems/p/entries/7")
    assert about_retraining(replace(failed, outcome="done"), False, CONSOLE)[0] == "p: retraining works again"
