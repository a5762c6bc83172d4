from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from pipelines.core.errors import Unavailable
from pipelines.stores.database import create_missing, open_database
from pipelines.stores.logbook.log_tables import METADATA, translated


def test_the_tables_and_their_indexes_are_made(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'log.db'}")
    create_missing(engine, METADATA)
    found = sa.inspect(engine)
    assert set(found.get_table_names()) == {"predictions", "prediction_blocks", "labels"}
    assert {one["name"] for one in found.get_indexes("prediction_blocks")} == {
        "prediction_blocks_by_id",
        "prediction_blocks_by_moment",
    }
    engine.dispose()


def test_what_the_database_says_is_told(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'log.db'}")
    with pytest.raises(Unavailable, match="no such table"), translated(), engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1 FROM nowhere")
    engine.dispose()
