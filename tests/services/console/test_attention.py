from __future__ import annotations

from datetime import timedelta
from types import ModuleType

from pipelines.stores.alarms.alarm_acts import acknowledge, silence
from pipelines.stores.releases.standing import AWAITING
from services.console.attention import calls, overdue, unseen_episodes, waiting_releases
from services.console.desk import Desk


def test_an_alarm_calls_until_somebody_has_seen_to_it(desk: Desk, year: ModuleType) -> None:
    year.write_year(desk.settings, weeks=3, standing=True)
    last, now = desk.windows.last(year.PROBLEM), desk.clock()
    (call,) = calls(desk, year.PROBLEM, last)
    assert (call.tone, [name for name, _ in call.deeds]) == ("bad", ["acknowledge", "silence", "retrain"])
    (episode,) = unseen_episodes(desk, year.PROBLEM)
    acknowledge(desk.ledger, episode, now, "Ada", "looking")
    silence(desk.ledger, year.PROBLEM, None, now + timedelta(hours=1), now, "Ada", "known")
    found = calls(desk, year.PROBLEM, last)
    assert (found[0].tone, found[0].deeds) == ("care", (("retrain", "Retrain now"),))
    assert found[1].title == "Silenced: every kind"
    assert unseen_episodes(desk, year.PROBLEM) == []


def test_an_alarm_that_no_notice_tells_of_calls_too(desk: Desk, year: ModuleType) -> None:
    desk.ledger.record(
        "v", at=year.OPENING, problem="p", kind="verdict", outcome="alarm", reasons=["it broke", "twice"]
    )
    (call,) = calls(desk, "p", desk.windows.last("p"))
    assert (call.tone, call.text) == ("bad", "it broke (and 1 more)")


def test_a_release_waits_until_somebody_has_spoken(desk: Desk, year: ModuleType) -> None:
    say = {"at": year.OPENING, "problem": "p", "version": 2}
    entry = desk.ledger.record("release:p:k", kind="release", outcome=AWAITING, actor="Ada", **say)
    assert [one.id for one in waiting_releases(desk, "p")] == [entry.id]
    (call,) = calls(desk, "p", None)
    assert call.deeds == (("approve", "Approve or decline"),)
    desk.ledger.record(f"approval:{entry.key}", kind="approval", outcome="declined", actor="Grace", **say)
    assert calls(desk, "p", None) == []


def test_a_request_in_hand_is_told(desk: Desk, year: ModuleType) -> None:
    desk.ledger.request("p", "k", reason="because", as_of=year.OPENING, at=year.OPENING)
    (call,) = calls(desk, "p", None)
    assert (call.title, call.to) == ("Retraining waits for the worker", "/problems/p#requests")


def test_a_monitor_that_has_fallen_silent_is_overdue(desk: Desk, year: ModuleType) -> None:
    year.write_year(desk.settings, weeks=1)
    last, now = desk.windows.last(year.PROBLEM), desk.clock()
    assert overdue(last, now) is None
    assert overdue(last, now + timedelta(weeks=4)) == "28 days"
    assert overdue(None, now) is None
