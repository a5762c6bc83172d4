"""What goes in by COPY is what goes in by INSERT."""

from __future__ import annotations

from datetime import datetime

import pytest
import sqlalchemy as sa

from pipelines.core.errors import Unavailable
from pipelines.stores.logbook.log_appender import Appender
from pipelines.stores.logbook.log_blocks import LogBlock
from pipelines.stores.logbook.log_copy import MANY
from pipelines.stores.logbook.log_entries import LoggedPrediction, new_id
from pipelines.stores.logbook.prediction_ids import make_ids
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.log_tables import BLOCKS, PREDICTIONS
from pipelines.stores.sql.schema import ensure_schema

AT = datetime(2024, 1, 1, 2, 3, 4, 5)


def entry(number: int) -> LoggedPrediction:
    words = {"line": "a\tb\\N\n", "ü": None, "number": number}
    return LoggedPrediction(new_id(), "p", 1, "r", AT, None if number % 2 else AT, words, None, {"a": 0.1})


@pytest.mark.parametrize("count", [MANY - 1, MANY, 3 * MANY])
def test_whatever_is_in_them_comes_back(database: str, count: int) -> None:
    engine = open_database(database)
    ensure_schema(engine)
    appender = Appender(engine)
    rows = [entry(number) for number in range(count)]
    content = bytes(range(256))
    blocks = [LogBlock("p", 1, "r", "api", make_ids(2), AT, AT, content) for _ in range(count)]
    appender.append([*rows, *blocks])
    with engine.connect() as connection:
        kept = {row.id: row for row in connection.execute(sa.select(PREDICTIONS))}
        found = connection.execute(sa.select(BLOCKS).order_by(BLOCKS.c.seq)).all()
    assert set(kept) == {row.id for row in rows}
    assert '"a\\tb\\\\N\\n"' in kept[rows[0].id].inputs
    assert {(row.at, row.time, row.moment, row.history) for row in kept.values()} == {
        (AT, AT, AT, None),
        (AT, None, AT, None),
    }
    assert {(bytes(row.ids), bytes(row.content), row.first_moment, row.made) for row in found} == {
        (block.ids.raw, content, AT, block.ids.made) for block in blocks
    }
    again = [*blocks, *(entry(number) for number in range(count)), rows[0]]
    with pytest.raises(Unavailable, match="takes no rows"):  # all or nothing
        appender.append(again)
    with engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(BLOCKS)).scalar_one() == count
    appender.close()
    engine.dispose()
