from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest

from pipelines.core.episodes import Course
from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.alarms.notice_keeping import Address, Cursor, News
from pipelines.stores.alarms.notices import BACKOFF, LEASE, Notices

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BAD = Course(("performance",), ("performance",), ("performance",))
GOOD = Course(("performance",), (), ())
TO = [Address("webhook", "http://a"), Address("mail", "a@b")]


@pytest.fixture
def notices(settings: Settings) -> Iterator[Notices]:
    opened = Notices(settings.database)
    yield opened
    opened.close()


def news(event: str = "begun", entry: int = 7, withheld: str | None = None) -> News:
    return News(event, ("performance",), NOW, f"p: {event}", {"text": event}, entry, withheld)  # type: ignore[arg-type]


def begin(notices: Notices, withheld: str | None = None, entry: int = 7) -> bool:
    told = news(entry=entry, withheld=withheld)
    return notices.keep("p", "health", None, BAD, told, TO, NOW, (notices.cursor("p"), Cursor(entry, "2026")))


def test_an_episode_its_notice_and_its_deliveries_are_kept_together(notices: Notices) -> None:
    assert begin(notices)
    (episode,) = notices.standing("p")
    assert (episode.key, episode.entry, episode.last_entry, episode.told) == ("p:health:7", 7, 7, 1)
    (notice,) = notices.notices("p")
    assert (notice.key, notice.event, notice.body) == (
        "p:health:7:1",
        "begun",
        {"id": "p:health:7:1", "episode": "p:health:7", "text": "begun"},
    )
    assert notices.notice(notice.id) == notice
    assert [(one.channel, one.state) for one in notices.deliveries(notice.id)] == [
        ("webhook", "waiting"),
        ("mail", "waiting"),
    ]
    assert notices.cursor("p") == Cursor(7, "2026", None)


def test_the_same_again_changes_nothing(notices: Notices) -> None:
    assert begin(notices)
    assert not notices.keep("p", "health", None, BAD, news(), TO, NOW, (None, Cursor(7)))  # as it was read before
    assert not notices.keep("p", "health", None, BAD, news(entry=8), TO, NOW)  # one is open
    (episode,) = notices.standing()
    assert notices.keep("p", "health", episode, BAD, news("worse", 8), TO, NOW)
    assert not notices.keep("p", "health", episode, BAD, news("worse", 9), TO, NOW)  # it has moved on
    assert [one.event for one in notices.notices()] == ["worse", "begun"]


def test_what_is_half_done_is_not_done(notices: Notices) -> None:
    begin(notices)
    (episode,) = notices.standing()
    notices.keep("p", "health", episode, BAD, news("worse", 8), TO, NOW)
    stale = (notices.cursor("p"), Cursor(9))
    assert not notices.keep("p", "health", episode, BAD, news("worse", 9), TO, NOW, stale)
    assert notices.cursor("p") == Cursor(7, "2026")  # the cursor came back with the rest


def test_after_a_recovery_another_episode_may_begin(notices: Notices) -> None:
    begin(notices)
    (episode,) = notices.standing()
    assert notices.keep("p", "health", episode, GOOD, news("recovered", 8), TO, NOW)
    assert notices.standing() == []
    assert begin(notices, entry=9)
    assert [one.key for one in notices.standing("p", "health")] == ["p:health:9"]
    assert notices.standing("p", "labels") == []


def test_of_many_who_begin_at_once_one_does(settings: Settings, notices: Notices) -> None:
    barrier, made = Barrier(6), []

    def run() -> None:
        mine = Notices(settings.database)
        barrier.wait()
        made.append(begin(mine))
        mine.close()

    threads = [Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(made) == 1
    assert len(notices.notices()) == 1
    assert len(notices.deliveries()) == 2


def test_what_is_withheld_is_kept_and_goes_nowhere(notices: Notices) -> None:
    begin(notices, withheld="silenced by Ada")
    assert notices.notices()[0].withheld == "silenced by Ada"
    assert notices.claim_due(NOW) == []


def test_a_delivery_is_one_caller_s_until_its_lease_ends(notices: Notices) -> None:
    begin(notices)
    first = notices.claim_due(NOW, limit=1)
    assert [one.channel for one in first] == ["webhook"]
    assert [one.channel for one in notices.claim_due(NOW)] == ["mail"]
    assert notices.claim_due(NOW + LEASE / 2) == []
    assert len(notices.claim_due(NOW + LEASE)) == 2  # whoever had them was killed
    notices.sent(first[0], NOW)
    assert [one.channel for one in notices.claim_due(NOW + 2 * LEASE)] == ["mail"]
    assert [one.state for one in notices.deliveries(state="sent")] == ["sent"]


def test_a_delivery_is_tried_again_ever_later_and_given_up(notices: Notices) -> None:
    begin(notices)
    moment, waits = NOW, []
    for _ in range(len(BACKOFF) + 1):
        found = [one for one in notices.claim_due(moment) if one.channel == "mail"]
        assert len(found) == 1
        notices.not_sent(found[0], moment, "refused " * 200)
        (mail,) = [one for one in notices.deliveries() if one.channel == "mail"]
        waits.append(mail.due_at - moment)
        moment = max(mail.due_at, moment)
    assert waits[:-1] == list(BACKOFF)
    assert (mail.state, mail.tries, len(mail.error or "")) == ("failed", len(BACKOFF) + 1, 500)
    assert timedelta(hours=20) < moment - NOW < timedelta(hours=24)


def test_a_database_that_does_not_answer_is_said(settings: Settings) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        Notices("sqlite:////proc/nowhere.db")
