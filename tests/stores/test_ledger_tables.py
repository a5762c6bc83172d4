from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

from pipelines.stores.database import open_database
from pipelines.stores.ledger_tables import Moment, create_tables, requests


def test_tables_are_made_once_and_guards_are_put_back(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'l.db'}")
    create_tables(engine)
    create_tables(engine)
    assert set(inspect(engine).get_table_names()) == {"decisions", "requests", "seals"}
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER decisions_no_update"))
    create_tables(engine)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'")).scalar_one()
    assert found == 4
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
