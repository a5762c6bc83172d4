"""The outbox's tables: episodes of alarm, the notices that they gave, and what became of each on its way."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from pipelines.stores.sql.ledger_tables import Moment

Topic = Literal["health", "monitor", "labels", "retraining", "history"]
DeliveryState = Literal["waiting", "sent", "failed"]

METADATA = sa.MetaData()

CURSORS = sa.Table(
    "notice_cursors",
    METADATA,
    sa.Column("problem", sa.String(63), primary_key=True),
    sa.Column("entry", sa.Integer, nullable=False),
    sa.Column("window_end", sa.String(40)),
    sa.Column("labelled_end", sa.String(40)),
)

EPISODES = sa.Table(
    "episodes",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("key", sa.String(200), nullable=False, unique=True),
    sa.Column("problem", sa.String(63), nullable=False),
    sa.Column("topic", sa.String(20), nullable=False),
    sa.Column("kinds", sa.JSON, nullable=False),
    sa.Column("open", sa.JSON, nullable=False),
    sa.Column("alarming", sa.JSON, nullable=False),
    sa.Column("began", Moment, nullable=False),
    sa.Column("entry", sa.Integer),
    sa.Column("last_entry", sa.Integer),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("told_at", Moment, nullable=False),
    sa.Column("told", sa.Integer, nullable=False),
    sa.Column("ended", Moment),
)
_OPEN = EPISODES.c.ended.is_(None)
sa.Index(
    "episodes_one_open",
    EPISODES.c.problem,
    EPISODES.c.topic,
    unique=True,
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)

NOTICES = sa.Table(
    "notices",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("key", sa.String(200), nullable=False, unique=True),
    sa.Column("episode", sa.String(200), nullable=False),
    sa.Column("problem", sa.String(63), nullable=False),
    sa.Column("event", sa.String(20), nullable=False),
    sa.Column("kinds", sa.JSON, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("withheld", sa.Text),
    sa.Index("notices_by_problem", "problem", "id"),
)

DELIVERIES = sa.Table(
    "deliveries",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("notice", sa.Integer, nullable=False),
    sa.Column("channel", sa.String(20), nullable=False),
    sa.Column("address", sa.String(500), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("due_at", Moment, nullable=False),
    sa.Column("lease_until", Moment),
    sa.Column("done_at", Moment),
    sa.Column("error", sa.Text),
    sa.UniqueConstraint("notice", "channel", "address"),
    sa.Index("deliveries_by_state", "state", "due_at"),
)


@dataclass(frozen=True)
class Episode:
    """A stretch of alarm of one problem, from its beginning to the recovery of every kind in it."""

    key: str
    problem: str
    topic: Topic
    """`health`: by verdicts; `monitor`: verdicts have ceased; `labels`: labels have; `retraining`: one that was asked
    for failed, or only a person can ask for the next; `history`: what serving looks up lags behind."""
    kinds: list[str]
    open: list[str]
    """Kinds that are not healthy again."""
    alarming: list[str]
    """Kinds in alarm by the last verdict."""
    began: datetime
    entry: int | None
    """Id of the ledger's verdict that began it."""
    last_entry: int | None
    subject: str
    told_at: datetime
    told: int
    """Notices made so far."""
    ended: datetime | None = None


@dataclass(frozen=True)
class Notice:
    """What a person is told; `key` is the id that stays the same however often it is delivered."""

    id: int
    key: str
    episode: str
    problem: str
    event: str
    kinds: list[str]
    at: datetime
    made_at: datetime
    subject: str
    body: dict[str, Any] = field(default_factory=dict)
    withheld: str | None = None
    """Why it is not delivered, if it is not."""


@dataclass(frozen=True)
class Delivery:
    """A notice on its way to one address."""

    id: int
    notice: int
    channel: str
    address: str
    state: DeliveryState
    tries: int
    due_at: datetime
    lease_until: datetime | None
    done_at: datetime | None
    error: str | None
