from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.schema import ensure_schema
from pipelines.stores.sql.segment_tables import (
    add_pending,
    count_sealed,
    drop_pending,
    list_segments,
    mark_sealed,
    read_filter,
)

MOMENT = datetime(2024, 1, 1)


@pytest.fixture
def engine(database: str) -> Any:
    opened = open_database(database)
    ensure_schema(opened)
    yield opened
    opened.dispose()


def values(path: str, **changes: Any) -> dict[str, Any]:
    moments = dict.fromkeys(("first_moment", "last_moment", "sealed_at"), MOMENT)
    counts = {"rows": 2, "labels": 1, "labelled": 1, "size": 10}
    ids = {"first_id": "a", "last_id": "b", "ids": b"12"}
    return {"problem": "p", "path": path, "digest": "d", **moments, **counts, **ids, **changes}


def test_a_segment_counts_from_when_it_is_sealed(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        one, two = (add_pending(connection, values(name)) for name in "xy")
        assert (count_sealed(connection), list_segments(connection)) == (0, [])
        assert mark_sealed(connection, one)
        assert not drop_pending(connection, one)
        assert drop_pending(connection, two)
        assert not mark_sealed(connection, two)
        assert count_sealed(connection) == 1
        assert read_filter(connection, one) == b"12"
        (found,) = list_segments(connection, "p")
        assert (found.path, found.rows, found.first_known) == ("x", 2, None)
        assert list_segments(connection, "q") == []


def test_a_number_is_never_given_twice(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        first = add_pending(connection, values("x"))
        drop_pending(connection, first)
        assert add_pending(connection, values("y")) > first


def test_what_a_segment_touches(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        mark_sealed(connection, add_pending(connection, values("x", last_moment=datetime(2024, 1, 9))))
        (one,) = list_segments(connection)
    assert one.touches(datetime(2024, 1, 9), datetime(2024, 2, 1))
    assert not one.touches(datetime(2024, 1, 10), datetime(2024, 2, 1))
    assert not one.touches(datetime(2023, 1, 1), MOMENT)
