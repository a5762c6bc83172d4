"""The ledger's tables and rows: decisions that the database refuses to change, the seals that chain them (see
`ledger_chain`), and requests in single flight.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)

from pipelines.stores.sql.database import serialise

State = Literal["open", "running", "done", "failed"]
IN_FLIGHT = ("open", "running")


@dataclass(frozen=True)
class Entry:
    """One decision: what was decided on which problem, by whom, why, and on what evidence.

    `at` is the decision's own clock, which a replay of the past sets back; `recorded_at` is the wall clock's.
    """

    id: int
    key: str
    at: datetime
    problem: str
    kind: str
    outcome: str
    version: int | None
    run_id: str | None
    actor: str
    reasons: list[str] = field(default_factory=list)
    evidence: dict[str, Any] = field(default_factory=dict)
    recorded_at: datetime | None = None
    later: bool = False
    """Whether it is older than the chain, and was sealed as it was found (at `recorded_at`)."""
    digest: str | None = None
    """Of the entry and of everything recorded before it."""


@dataclass(frozen=True)
class Request:
    """One request to retrain; `new` is False when an earlier one was found in its place."""

    id: int
    key: str
    problem: str
    reason: str
    as_of: datetime
    created_at: datetime
    state: State
    lease_until: datetime | None
    holder: str | None
    flow_run_id: str | None
    outcome: str | None
    evidence: dict[str, Any] = field(default_factory=dict)
    new: bool = False


class Moment(TypeDecorator[datetime]):
    """A moment in UTC: SQLite keeps no zone, so it is put on at both ends."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC on the way in; a moment without a zone is taken for UTC."""
        return None if value is None else as_utc(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """UTC on the way out."""
        return None if value is None else as_utc(value)


def as_utc(moment: datetime) -> datetime:
    """The moment in UTC; one without a zone is taken for UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


metadata = MetaData()

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", String(400), nullable=False, unique=True),
    Column("at", Moment, nullable=False),
    Column("problem", String(63), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("outcome", String(40), nullable=False),
    Column("version", Integer),
    Column("run_id", String(64)),
    Column("actor", String(200), nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("evidence", JSON, nullable=False),
    Index("decisions_by_problem", "problem", "kind", "id"),
    sqlite_autoincrement=True,
)

seals = Table(
    "seals",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("decision", Integer, nullable=False, unique=True),
    Column("previous", String(64), nullable=False, unique=True),  # so that two writers cannot both follow one seal
    Column("digest", String(64), nullable=False, unique=True),
    Column("recorded_at", Moment, nullable=False),
    Column("later", Boolean, nullable=False),
    Column("signature", Text),
    sqlite_autoincrement=True,
)

requests = Table(
    "requests",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", String(400), nullable=False, unique=True),
    Column("problem", String(63), nullable=False),
    Column("reason", Text, nullable=False),
    Column("as_of", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("state", String(10), nullable=False),
    Column("lease_until", Moment),
    Column("holder", String(200)),
    Column("flow_run_id", String(64)),
    Column("finished_at", Moment),
    Column("outcome", String(200)),
    Column("evidence", JSON, nullable=False),
)
Index(
    "requests_single_flight",
    requests.c.problem,
    unique=True,
    sqlite_where=requests.c.state.in_(IN_FLIGHT),
    postgresql_where=requests.c.state.in_(IN_FLIGHT),
)

_REFUSAL = "the ledger is append-only"
_GUARDED = (decisions.name, seals.name)
_SQLITE_GUARDS = [
    f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
    f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    for table in _GUARDED
    for verb in ("UPDATE", "DELETE")
]
_POSTGRES_GUARDS = [
    "CREATE OR REPLACE FUNCTION decisions_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
    *(
        f"CREATE OR REPLACE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION decisions_append_only()"
        for table in _GUARDED
    ),
]


def guards(dialect: str) -> list[str]:
    """The statements that make the database refuse to change a decision or a seal."""
    return _SQLITE_GUARDS if dialect == "sqlite" else _POSTGRES_GUARDS


def put_back_guards(engine: Engine) -> None:
    """Make the guards anew where one was taken away; several processes may do it at once."""
    if not _guarded(engine):
        with engine.begin() as connection:
            serialise(connection, "guards")  # triggers made at once lock each other out
            for statement in guards(engine.dialect.name):
                connection.exec_driver_sql(statement)


def _guarded(engine: Engine) -> bool:
    """Whether every guard is there: to make one anew locks out whoever writes just now."""
    names = f"({', '.join(repr(one) for one in _GUARDED)})"
    if engine.dialect.name == "sqlite":
        query, wanted = f"FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN {names}", len(_SQLITE_GUARDS)
    else:
        query = f"FROM pg_trigger WHERE tgname LIKE '%_append_only' AND tgrelid::regclass::text IN {names}"
        wanted = len(_GUARDED)
    with engine.connect() as connection:
        return bool(connection.execute(text(f"SELECT count(*) {query}")).scalar_one() == wanted)
