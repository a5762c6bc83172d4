from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from pipelines.stores.sql.segment_tables import SEGMENTS


def test_the_table_is_made_as_the_code_knows_it(engine: sa.Engine, migrate: Callable[[str], None]) -> None:
    migrate("0003")
    found = {one["name"]: one["nullable"] for one in sa.inspect(engine).get_columns("log_segments")}
    assert found == {column.name: column.nullable for column in SEGMENTS.columns}
