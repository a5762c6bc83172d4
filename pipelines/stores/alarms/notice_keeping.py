"""How an episode, its notice and the notice's deliveries are written; each function is part of one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pipelines.core.episodes import Course, Event
from pipelines.stores.sql.notice_tables import CURSORS, DELIVERIES, EPISODES, NOTICES, Episode, Topic


@dataclass(frozen=True)
class Address:
    """Where a notice goes; `channel` is webhook or mail."""

    channel: str
    address: str


@dataclass(frozen=True)
class Cursor:
    """Up to which verdict of the ledger episodes were followed, and the ends of the newest windows seen."""

    entry: int
    window_end: str | None = None
    labelled_end: str | None = None


@dataclass(frozen=True)
class News:
    """Something that happened in an episode, as it is told."""

    event: Event
    kinds: tuple[str, ...]
    at: datetime
    subject: str
    body: Mapping[str, Any]
    entry: int | None = None
    withheld: str | None = None


def move(connection: sa.Connection, problem: str, before: Cursor | None, after: Cursor) -> bool:
    """Whether the cursor was where it is thought to be, and is now where it is to be."""
    values = {"entry": after.entry, "window_end": after.window_end, "labelled_end": after.labelled_end}
    if before is None:
        connection.execute(sa.insert(CURSORS).values(problem=problem, **values))
        return True
    mine = sa.update(CURSORS).where(CURSORS.c.problem == problem, CURSORS.c.entry == before.entry)
    return connection.execute(mine.values(**values)).rowcount == 1


def begin(
    connection: sa.Connection, problem: str, topic: Topic, course: Course, news: News | None, now: datetime
) -> Episode:
    """A new episode; IntegrityError when one is open, or was begun by the same verdict."""
    assert news is not None, "an episode begins with something to tell"
    mark = news.entry if news.entry is not None else now.isoformat(timespec="seconds")
    row = {
        "key": f"{problem}:{topic}:{mark}",
        "problem": problem,
        "topic": topic,
        "kinds": list(course.kinds),
        "open": list(course.open),
        "alarming": list(course.alarming),
        "began": news.at,
        "entry": news.entry,
        "last_entry": news.entry,
        "subject": news.subject,
        "told_at": now,
        "told": 0,
    }
    return read_episode(connection.execute(sa.insert(EPISODES).values(row).returning(EPISODES)).one())


def follow(
    connection: sa.Connection, episode: Episode, course: Course, news: News | None, last: int | None, now: datetime
) -> bool:
    """Whether the episode stood as it is thought to, and now stands as after the verdict."""
    values: dict[str, Any] = {
        "kinds": list(course.kinds),
        "open": list(course.open),
        "alarming": list(course.alarming),
        "last_entry": last or episode.last_entry,
    }
    if news is not None:
        values |= {"told": episode.told + 1, "told_at": now}
        if news.event == "recovered":
            values["ended"] = news.at
    same = (EPISODES.c.key == episode.key, EPISODES.c.told == episode.told, EPISODES.c.ended.is_(None))
    return connection.execute(sa.update(EPISODES).where(*same).values(values)).rowcount == 1


def tell(connection: sa.Connection, episode: Episode, news: News, to: Sequence[Address], now: datetime) -> None:
    """Put the notice into the outbox, with a delivery to each address unless it is withheld."""
    key = f"{episode.key}:{episode.told + 1}"
    row = {
        "key": key,
        "episode": episode.key,
        "problem": episode.problem,
        "event": news.event,
        "kinds": list(news.kinds),
        "at": news.at,
        "made_at": now,
        "subject": news.subject,
        "body": {"id": key, "episode": episode.key, **news.body},
        "withheld": news.withheld,
    }
    made = connection.execute(sa.insert(NOTICES).values(row).returning(NOTICES.c.id)).scalar_one()
    if news.withheld is None and to:
        first = {"notice": made, "state": "waiting", "tries": 0, "due_at": now}
        connection.execute(sa.insert(DELIVERIES), [first | {"channel": a.channel, "address": a.address} for a in to])


def read_episode(row: sa.Row[Any]) -> Episode:
    """The episode of a row."""
    values = row._asdict()
    del values["id"]
    return Episode(**values)
