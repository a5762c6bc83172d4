from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.schema import ensure_schema
from pipelines.stores.sql.trial_tables import ROLLOUTS, TALLIES

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_word_is_said_once_and_a_process_counts_once_in_a_trial(database: str) -> None:
    engine = open_database(database)
    ensure_schema(engine)
    said = {"problem": "p", "version": 1, "mode": "shadow", "share": 0.0, "limits": {}, "at": AT, "actor": "a"}
    for statement in (
        sa.insert(ROLLOUTS).values(token="t", reason="r", evidence={}, **said),
        sa.insert(TALLIES).values(trial=1, worker="w", counts={"answers": 1}, at=AT),
    ):
        with engine.begin() as connection:
            connection.execute(statement)
        with engine.connect() as connection, pytest.raises(IntegrityError):
            connection.execute(statement)
    engine.dispose()
