from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex

from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.ledger_tables import Moment, decisions, put_back_guards, requests
from pipelines.stores.sql.schema import ensure_schema

NOW = datetime(2024, 5, 1, tzinfo=UTC)
_TEXTS = ("problem", "kind", "outcome", "actor")
_LISTS: dict[str, list[str]] = {"reasons": [], "evidence": []}


def test_guards_that_were_taken_away_are_put_back(database: str) -> None:
    engine = open_database(database)
    ensure_schema(engine)
    with engine.begin() as connection:
        connection.execute(insert(decisions).values(key="k", at=NOW, **dict.fromkeys(_TEXTS, "x"), **_LISTS))
    away = "decisions_no_update" if engine.dialect.name == "sqlite" else "decisions_append_only ON decisions"
    for _ in range(2):
        put_back_guards(engine)
        with engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
            connection.execute(update(decisions).values(outcome="y"))
        with engine.begin() as connection:
            connection.execute(text(f"DROP TRIGGER {away}"))
    engine.dispose()


def test_single_flight_is_a_partial_unique_index_on_postgresql_too() -> None:
    index = next(one for one in requests.indexes if one.name == "requests_single_flight")
    statement = str(CreateIndex(index).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
    assert "UNIQUE INDEX" in statement
    assert "WHERE state IN ('open', 'running')" in statement


@pytest.mark.parametrize("moment", [datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC)])
def test_a_moment_is_utc(moment: datetime) -> None:
    kept = Moment().process_bind_param(moment, postgresql.dialect())  # type: ignore[no-untyped-call]
    assert kept == datetime(2024, 1, 1, tzinfo=UTC)
