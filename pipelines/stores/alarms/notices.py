"""The outbox: episodes, notices and deliveries in the database beside the ledger.

A change of an episode, its notice and the notice's deliveries are one transaction. Each has a key that names what
happened, so that whoever does it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from pipelines.core.episodes import Course
from pipelines.stores.alarms.notice_keeping import Address, Cursor, News, begin, follow, move, read_episode, tell
from pipelines.stores.sql.database import answering, open_database
from pipelines.stores.sql.notice_tables import (
    CURSORS,
    DELIVERIES,
    EPISODES,
    NOTICES,
    Delivery,
    Episode,
    Notice,
    Topic,
)
from pipelines.stores.sql.schema import ensure_schema

BACKOFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720))
"""Waits after the first failures, of about a day together; after one more try a delivery has failed."""
LEASE = timedelta(minutes=2)
_DATABASE = "the database of the notices"

__all__ = ["BACKOFF", "Address", "Cursor", "Delivery", "Episode", "News", "Notice", "Notices"]


class _Overtaken(Exception):
    """Another process was faster: nothing of the transaction is kept."""


class Notices:
    """The outbox behind one SQLAlchemy URL, made on first use; every method may raise Unavailable."""

    def __init__(self, url: str) -> None:
        self._engine: sa.Engine = open_database(url)
        ensure_schema(self._engine)

    def close(self) -> None:
        """Let go of the database's connections."""
        self._engine.dispose()

    def cursor(self, problem: str) -> Cursor | None:
        """How far the problem's verdicts were followed; None before the first."""
        with self._reading() as connection:
            row = connection.execute(sa.select(CURSORS).where(CURSORS.c.problem == problem)).first()
        return None if row is None else Cursor(row.entry, row.window_end, row.labelled_end)

    def standing(self, problem: str | None = None, topic: Topic | None = None) -> list[Episode]:
        """Episodes that have not ended, oldest first."""
        query = sa.select(EPISODES).where(EPISODES.c.ended.is_(None)).order_by(EPISODES.c.id)
        for column, value in ((EPISODES.c.problem, problem), (EPISODES.c.topic, topic)):
            query = query if value is None else query.where(column == value)
        with self._reading() as connection:
            return [read_episode(row) for row in connection.execute(query)]

    def notices(self, problem: str | None = None, limit: int = 100) -> list[Notice]:
        """The newest notices first."""
        query = sa.select(NOTICES).order_by(NOTICES.c.id.desc()).limit(limit)
        query = query if problem is None else query.where(NOTICES.c.problem == problem)
        with self._reading() as connection:
            return [Notice(**row._asdict()) for row in connection.execute(query)]

    def notice(self, notice_id: int) -> Notice:
        """One notice by its id."""
        with self._reading() as connection:
            return Notice(**connection.execute(sa.select(NOTICES).where(NOTICES.c.id == notice_id)).one()._asdict())

    def deliveries(self, notice_id: int | None = None, state: str | None = None) -> list[Delivery]:
        """Deliveries of a notice, or in a state, oldest first."""
        query = sa.select(DELIVERIES).order_by(DELIVERIES.c.id)
        for column, value in ((DELIVERIES.c.notice, notice_id), (DELIVERIES.c.state, state)):
            query = query if value is None else query.where(column == value)
        with self._reading() as connection:
            return [Delivery(**row._asdict()) for row in connection.execute(query)]

    def keep(
        self,
        problem: str,
        topic: Topic,
        before: Episode | None,
        course: Course | None,
        news: News | None,
        to: Sequence[Address],
        now: datetime,
        moved: tuple[Cursor | None, Cursor] | None = None,
    ) -> bool:
        """Keep what a verdict did to an episode, with its notice, in one transaction.

        `moved`: the cursor as it was read and as it is to be. False when somebody else was faster: read again.
        """
        try:
            with answering(_DATABASE), self._engine.begin() as connection:
                if moved is not None and not move(connection, problem, *moved):
                    raise _Overtaken
                last = None if moved is None else moved[1].entry
                if course is not None:
                    episode = before or begin(connection, problem, topic, course, news, now)
                    if not follow(connection, episode, course, news, last, now):
                        raise _Overtaken
                    if news is not None:
                        tell(connection, episode, news, to, now)
        except (IntegrityError, _Overtaken):
            return False
        return True

    def claim_due(self, now: datetime, limit: int = 50) -> list[Delivery]:
        """Deliveries that are due, each for this caller alone until its lease ends; oldest first."""
        free = sa.or_(DELIVERIES.c.lease_until.is_(None), DELIVERIES.c.lease_until <= now)
        due = sa.and_(DELIVERIES.c.state == "waiting", DELIVERIES.c.due_at <= now, free)
        query = sa.select(DELIVERIES).where(due).order_by(DELIVERIES.c.due_at, DELIVERIES.c.id).limit(limit)
        found = []
        with answering(_DATABASE), self._engine.begin() as connection:
            for row in connection.execute(query).all():
                ours = sa.update(DELIVERIES).where(DELIVERIES.c.id == row.id, due).values(lease_until=now + LEASE)
                if connection.execute(ours).rowcount == 1:
                    found.append(Delivery(**row._asdict()))
        return found

    def sent(self, delivery: Delivery, now: datetime) -> None:
        """Note that the other side has taken it."""
        self._set(delivery, state="sent", tries=delivery.tries + 1, done_at=now, lease_until=None, error=None)

    def not_sent(self, delivery: Delivery, now: datetime, error: str) -> None:
        """Note a try that failed: it is tried again after a while, and in the end given up."""
        last = delivery.tries >= len(BACKOFF)
        due = delivery.due_at if last else now + BACKOFF[delivery.tries]
        state = "failed" if last else "waiting"
        self._set(delivery, state=state, tries=delivery.tries + 1, due_at=due, lease_until=None, error=error[:500])

    def _set(self, delivery: Delivery, **values: Any) -> None:
        waits = (DELIVERIES.c.id == delivery.id, DELIVERIES.c.state == "waiting")
        with answering(_DATABASE), self._engine.begin() as connection:
            connection.execute(sa.update(DELIVERIES).where(*waits).values(**values))

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with answering(_DATABASE), self._engine.connect() as connection:
            yield connection
