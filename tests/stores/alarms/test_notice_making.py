from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.core.settings import Settings
from pipelines.stores.alarms.alarm_acts import acknowledge, silence, unsilence
from pipelines.stores.alarms.notice_keeping import Address
from pipelines.stores.alarms.notice_making import (
    Outbox,
    catch_up,
    look_at_history,
    look_at_retraining,
    look_for_silence,
    remind,
)
from pipelines.stores.alarms.notices import Notices
from pipelines.stores.decisions.ledger import Ledger

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL

START = datetime(2026, 1, 1, tzinfo=UTC)
WEEK, DAY, HOUR = timedelta(days=7), timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def outbox(settings: Settings) -> Iterator[Outbox]:
    ledger, notices = Ledger(settings.database, clock=lambda: START), Notices(settings.database)
    yield Outbox(ledger, notices, [Address("webhook", "http://a")], "http://console")
    notices.close()
    ledger.close()


@pytest.fixture
def judge(outbox: Outbox) -> Callable[..., int]:
    """Records a verdict on the week that ends `week` weeks after the start; its ledger id."""

    def record(week: float, rows: int = 100, labels: int = 100, again: str = "", **levels: str) -> int:
        end = START + week * WEEK
        kinds = {kind: {"level": level, "reasons": [f"{kind} is {level}"]} for kind, level in levels.items()}
        window = {"start": (end - WEEK).isoformat(), "end": end.isoformat(), "rows": rows, "labels": labels}
        level = "alarm" if "alarm" in levels.values() else "healthy"
        key = f"verdict:p:{week}{again}"
        evidence = {"kinds": kinds, **window}
        return outbox.ledger.record(
            key, at=end, problem="p", kind="verdict", outcome=level, version=1, evidence=evidence
        ).id

    return record


def told(outbox: Outbox) -> list[str]:
    return [f"{one.event} {'+'.join(one.kinds)}" for one in reversed(outbox.notices.notices("p"))]


def test_a_year_of_verdicts_gives_a_handful_of_notices(outbox: Outbox, judge: Callable[..., int]) -> None:
    for week in range(52):
        bad = 10 <= week < 20
        judge(week, performance="alarm" if bad else "healthy", data="warning" if week % 2 else "healthy")
        assert catch_up(outbox, "p", START + week * WEEK) == 1
        assert catch_up(outbox, "p", START + week * WEEK) == 0
    assert told(outbox) == ["begun performance", "recovered performance"]
    begun = outbox.notices.notices("p")[-1]
    assert begun.body["reasons"] == ["performance is alarm"]
    assert begun.body["link"] == f"http://console/problems/p/verdicts/{begun.body['link'].rsplit('/', 1)[1]}"
    assert [one.state for one in outbox.notices.deliveries(begun.id)] == ["waiting"]


def test_the_same_whether_looked_at_each_time_or_once(outbox: Outbox, judge: Callable[..., int]) -> None:
    judge(0, performance="healthy")
    catch_up(outbox, "p", START)
    for week, level in enumerate(["healthy", "alarm", "alarm", "healthy", "alarm"], start=1):
        judge(week, performance=level)
    assert catch_up(outbox, "p", START + 9 * WEEK) == 5
    assert told(outbox) == ["begun performance", "recovered performance", "begun performance"]


def test_the_first_look_tells_of_today_alone(outbox: Outbox, judge: Callable[..., int]) -> None:
    for week, level in enumerate(["alarm", "healthy", "alarm"]):
        judge(week, performance=level)
    assert catch_up(outbox, "p", START) == 1
    assert told(outbox) == ["begun performance"]
    assert catch_up(outbox, "nobody knows it", START) == 0


def test_an_old_window_judged_again_is_no_news(outbox: Outbox, judge: Callable[..., int]) -> None:
    judge(5, performance="healthy")
    catch_up(outbox, "p", START)
    judge(2, performance="alarm")
    judge(5, performance="alarm", again="with more labels")
    assert catch_up(outbox, "p", START) == 2
    (episode,) = outbox.notices.standing("p")
    assert episode.began == START + 5 * WEEK


def test_a_reminder_comes_after_a_day_unless_somebody_is_on_it(outbox: Outbox, judge: Callable[..., int]) -> None:
    judge(0, performance="alarm")
    catch_up(outbox, "p", START)
    assert remind(outbox, "p", START + DAY - HOUR) == 0
    assert remind(outbox, "p", START + DAY) == 1
    assert remind(outbox, "p", START + DAY) == 0
    assert remind(outbox, "p", START + 2 * DAY) == 1
    (episode,) = outbox.notices.standing("p")
    acknowledge(outbox.ledger, episode, START + 2 * DAY, "Ada", "on it")
    assert remind(outbox, "p", START + 9 * DAY) == 0
    judge(2, performance="healthy")
    judge(3, performance="alarm")
    catch_up(outbox, "p", START + 3 * WEEK)
    assert remind(outbox, "p", START + 3 * WEEK + DAY) == 1  # another episode
    assert told(outbox)[:3] == ["begun performance", "reminder performance", "reminder performance"]


def test_no_reminder_of_what_has_become_a_warning(outbox: Outbox, judge: Callable[..., int]) -> None:
    judge(0, performance="alarm")
    catch_up(outbox, "p", START)
    judge(1, performance="warning")
    catch_up(outbox, "p", START + WEEK)
    assert remind(outbox, "p", START + 2 * WEEK) == 0
    assert len(outbox.notices.standing("p")) == 1


def test_a_silence_withholds_and_what_still_stands_is_told_when_it_ends(
    outbox: Outbox, judge: Callable[..., int]
) -> None:
    silence(outbox.ledger, "p", ["performance"], START + 3 * DAY, START, "Ada", "the source moves")
    judge(0, performance="alarm")
    catch_up(outbox, "p", START)
    (notice,) = outbox.notices.notices("p")
    assert "Ada" in (notice.withheld or "")
    assert outbox.notices.deliveries() == []
    assert remind(outbox, "p", START + 2 * DAY) == 0
    judge(0.1, performance="alarm", quality="alarm")
    catch_up(outbox, "p", START + 2 * DAY)
    assert next(one.withheld for one in outbox.notices.notices("p")) is None  # quality is not silenced
    assert remind(outbox, "p", START + 3 * DAY) == 1
    unsilence(outbox.ledger, "p", ["performance"], START + HOUR, "Ada", "done")
    assert told(outbox) == ["begun performance", "worse quality", "reminder performance+quality"]


def test_verdicts_that_cease_are_told_of_once_and_when_they_are_back(outbox: Outbox, judge: Callable[..., int]) -> None:
    assert not look_for_silence(outbox, "p", WEEK, START)  # nobody ever watched
    judge(0, performance="healthy")
    assert not look_for_silence(outbox, "p", WEEK, START + 3 * WEEK)
    for later in (3, 4):
        assert look_for_silence(outbox, "p", WEEK, START + later * WEEK + HOUR)
    assert told(outbox) == ["begun monitor"]
    assert not look_for_silence(outbox, "p", 9 * WEEK, START + 5 * WEEK)
    assert told(outbox) == ["begun monitor", "recovered monitor"]
    assert [one.body["event"] for one in outbox.notices.notices("p")] == ["recovered", "begun"]


def test_a_history_that_is_not_renewed_is_told_of_once_and_when_it_is_again(
    outbox: Outbox, judge: Callable[..., int]
) -> None:
    windows = [28 * DAY, 12 * HOUR]
    assert not look_at_history(outbox, "p", START, windows, START + WEEK)  # nothing was answered yet
    judge(1, performance="healthy")
    now = START + WEEK
    assert not look_at_history(outbox, "p", None, windows, now)  # none in force: no feature needs it
    assert not look_at_history(outbox, "p", now - 3 * HOUR, windows, now)
    assert not look_at_history(outbox, "p", now - 9 * DAY, [], now)
    for _ in range(2):
        assert look_at_history(outbox, "p", now - 4 * HOUR, windows, now)
    assert told(outbox) == ["begun history"]
    assert "4h before" in outbox.notices.notices("p")[0].body["reasons"][0]
    assert not look_at_history(outbox, "p", now - HOUR, windows, now)
    assert told(outbox) == ["begun history", "recovered history"]
    assert not look_at_history(outbox, "p", START, windows, START + 2 * HOUR)  # answers about days to come


def test_labels_that_cease_are_told_of(outbox: Outbox, judge: Callable[..., int]) -> None:
    for week in range(9):
        judge(week, labels=0 if week in (3, 4, 5, 6) else 100, performance="healthy")
        catch_up(outbox, "p", START + week * WEEK)
    assert told(outbox) == ["begun labels", "recovered labels"]
    assert outbox.notices.notices("p")[-1].at == START + 5 * WEEK


def test_labels_that_always_come_later_are_no_drought(outbox: Outbox, judge: Callable[..., int]) -> None:
    for week in range(9):
        judge(week, labels=0, performance="unknown")
        catch_up(outbox, "p", START + week * WEEK)
    assert told(outbox) == []


def test_a_retraining_that_failed_or_waits_for_a_person_is_told(outbox: Outbox) -> None:
    def say(key: str, outcome: str, *obstacles: str) -> list[str]:
        evidence = {"obstacles": list(obstacles)}
        outbox.ledger.record(
            key, at=START, problem="p", kind="retraining", outcome=outcome, reasons=[key], evidence=evidence
        )
        look_at_retraining(outbox, "p", START)
        return told(outbox)

    assert not look_at_retraining(outbox, "p", START)
    assert say("asked once", "asked") == []
    assert say("done once", "done") == []
    assert say("waits", "blocked", "cooldown") == []
    assert say("gave up after 3 attempts", "failed") == ["begun retraining"]
    assert say("broken", "blocked", "max_rejections") == ["begun retraining"]
    assert say("done again", "done") == ["begun retraining", "recovered retraining"]
    begun = outbox.notices.notices("p")[1]
    assert (begun.subject, begun.body["reasons"]) == ("p: a retraining failed", ["gave up after 3 attempts"])
    assert say("three in a row", "blocked", "max_rejections")[2:] == ["begun retraining"]
    assert outbox.notices.notices("p")[0].subject == "p: no retraining before a person decides"
