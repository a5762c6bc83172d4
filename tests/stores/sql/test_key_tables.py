from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.key_tables import KEYS
from pipelines.stores.sql.schema import ensure_schema

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_name_is_in_force_once_and_may_be_used_again(database: str) -> None:
    engine = open_database(database)
    ensure_schema(engine)
    with engine.begin() as connection:
        for number, revoked in enumerate((AT, AT, None)):
            row = {"id": f"{number}", "digest": f"{number}", "revoked_at": revoked}
            connection.execute(sa.insert(KEYS).values(name="shop", scopes="read", created_at=AT, created_by="a", **row))
    with engine.connect() as connection, pytest.raises(IntegrityError):
        connection.execute(
            sa.insert(KEYS).values(id="9", digest="9", name="shop", scopes="read", created_at=AT, created_by="a")
        )
    engine.dispose()
