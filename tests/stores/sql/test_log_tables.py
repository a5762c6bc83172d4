from __future__ import annotations

import pytest
import sqlalchemy as sa

from pipelines.core.errors import Unavailable
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.log_tables import translated
from pipelines.stores.sql.schema import ensure_schema


def test_the_tables_and_their_indexes_are_made(database: str) -> None:
    engine = open_database(database)
    ensure_schema(engine)
    found = sa.inspect(engine)
    assert {"predictions", "prediction_blocks", "labels"} <= set(found.get_table_names())
    assert {one["name"] for one in found.get_indexes("prediction_blocks")} >= {
        "prediction_blocks_by_id",
        "prediction_blocks_by_moment",
    }
    engine.dispose()


def test_what_the_database_says_is_told(database: str) -> None:
    engine = open_database(database)
    with (
        pytest.raises(Unavailable, match=r"no such table|does not exist"),
        translated(),
        engine.connect() as connection,
    ):
        connection.exec_driver_sql("SELECT 1 FROM nowhere")
    engine.dispose()
