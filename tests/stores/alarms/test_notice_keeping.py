from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from pipelines.core.episodes import Course
from pipelines.core.settings import Settings
from pipelines.stores.alarms.notice_keeping import Address, Cursor, News, begin, follow, move, tell
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.notice_tables import DELIVERIES
from pipelines.stores.sql.schema import ensure_schema

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BAD = Course(("performance",), ("performance",), ("performance",))


@pytest.fixture
def connection(settings: Settings) -> Iterator[sa.Connection]:
    engine = open_database(settings.database)
    ensure_schema(engine)
    with engine.begin() as opened:
        yield opened
    engine.dispose()


def test_a_cursor_moves_from_where_it_was_read_alone(connection: sa.Connection) -> None:
    assert move(connection, "p", None, Cursor(1))
    assert move(connection, "p", Cursor(1), Cursor(2))
    assert not move(connection, "p", Cursor(1), Cursor(3))


def test_an_episode_is_named_by_what_began_it(connection: sa.Connection) -> None:
    seen = begin(connection, "p", "health", BAD, News("begun", (), NOW, "s", {}, 7), NOW)
    missed = begin(connection, "p", "monitor", BAD, News("begun", (), NOW, "s", {}), NOW)
    assert (seen.key, missed.key) == ("p:health:7", "p:monitor:2026-01-01T00:00:00+00:00")
    assert follow(connection, seen, BAD, None, 8, NOW)
    over = News("recovered", (), NOW, "s", {}, 9)
    assert follow(connection, seen, Course(("performance",), (), ()), over, 9, NOW)
    assert not follow(connection, seen, BAD, None, 10, NOW)  # it has ended


def test_a_notice_goes_to_every_address_or_to_none(connection: sa.Connection) -> None:
    episode = begin(connection, "p", "health", BAD, News("begun", (), NOW, "s", {}, 7), NOW)
    to = [Address("webhook", "a"), Address("mail", "b")]
    tell(connection, episode, News("begun", (), NOW, "s", {}, 7), to, NOW)
    assert len(connection.execute(sa.select(DELIVERIES)).all()) == 2
    with pytest.raises(sa.exc.IntegrityError):
        tell(connection, episode, News("begun", (), NOW, "s", {}, 7), to, NOW)
