"""The ledger's tables and rows: decisions that the database refuses to change, requests in single flight."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import (
    JSON,
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
    inspect,
    text,
)
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.schema import CreateIndex, CreateTable

State = Literal["open", "running", "done", "failed"]
IN_FLIGHT = ("open", "running")


@dataclass(frozen=True)
class Entry:
    """One decision: what was decided on which problem, by whom, why, and on what evidence."""

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
        return None if value is None else _utc(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """UTC on the way out."""
        return None if value is None else _utc(value)


def _utc(moment: datetime) -> datetime:
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
_SQLITE_GUARDS = [
    f"CREATE TRIGGER IF NOT EXISTS decisions_no_{verb.lower()} BEFORE {verb} ON decisions "
    f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    for verb in ("UPDATE", "DELETE")
]
_POSTGRES_GUARDS = [
    "CREATE OR REPLACE FUNCTION decisions_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$",
    "CREATE OR REPLACE TRIGGER decisions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON decisions "
    "FOR EACH STATEMENT EXECUTE FUNCTION decisions_append_only()",
]


def create_tables(engine: Engine) -> None:
    """Make the tables, indexes and guards where they are missing; several processes may do it at once."""
    for attempt in range(3):
        if inspect(engine).has_table("requests") and attempt == 0 and _guarded(engine):
            return
        try:
            _create(engine)
            return
        except (IntegrityError, OperationalError, ProgrammingError):  # PostgreSQL: IF NOT EXISTS can race
            if attempt == 2:
                raise


def _create(engine: Engine) -> None:
    guards = _SQLITE_GUARDS if engine.dialect.name == "sqlite" else _POSTGRES_GUARDS
    with engine.begin() as connection:
        for table in (decisions, requests):
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                connection.execute(CreateIndex(index, if_not_exists=True))
        for statement in guards:
            connection.execute(text(statement))


def _guarded(engine: Engine) -> bool:
    if engine.dialect.name != "sqlite":
        return False
    with engine.connect() as connection:
        query = text("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'decisions'")
        return bool(connection.execute(query).scalar_one() == len(_SQLITE_GUARDS))
