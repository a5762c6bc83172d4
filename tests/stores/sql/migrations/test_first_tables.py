from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

KEPT = "INSERT INTO trial_tallies (trial, worker, counts, at) VALUES (1, 'w', '{}', '2024-01-01 00:00:00+00:00')"


def test_what_is_there_stays(engine: sa.Engine, migrate: Callable[[str], None]) -> None:
    migrate("0001")
    with engine.begin() as connection:
        connection.exec_driver_sql(KEPT)
        for table in ("ratchet_schema", "predictions", "labels", "notices"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
    migrate("0001")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM trial_tallies").scalar_one() == 1
        assert connection.exec_driver_sql("SELECT count(*) FROM labels").scalar_one() == 0


def test_the_ledger_is_guarded(engine: sa.Engine, migrate: Callable[[str], None]) -> None:
    migrate("0001")
    columns = "(decision, previous, digest, recorded_at, later)"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"INSERT INTO seals {columns} VALUES (1, 'a', 'b', '2024-01-01', false)")
    with engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.exec_driver_sql("DELETE FROM seals")
