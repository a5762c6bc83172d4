"""A window holds rows and blocks in one order, and only what lies in it."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from pipelines.stores.logbook.log_appender import Appender
from pipelines.stores.logbook.log_blocks import LogBlock, write_content
from pipelines.stores.logbook.log_entries import WINDOW_COLUMNS, LoggedPrediction, new_id
from pipelines.stores.logbook.log_windows import gather
from pipelines.stores.logbook.prediction_ids import make_ids
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.schema import ensure_schema

AT = datetime(2024, 1, 1)


def test_a_window_takes_part_of_a_block(database: str) -> None:
    engine = open_database(database)
    ensure_schema(engine)
    appender = Appender(engine)
    moments = [AT + timedelta(hours=hour) for hour in (5, 3, 1, 4)]
    inputs = {"t": np.array(moments, dtype="M8[us]"), "n": [5, 3, 1, 4]}
    content = write_content([(AT.isoformat(), 4)], "t", inputs, None, np.array([5.0, 3.0, 1.0, 4.0]), None)
    ids = make_ids(4)
    row = LoggedPrediction(new_id(), "p", 1, "r", AT, AT + timedelta(hours=2), {"n": 2}, 2.0)
    appender.append([LogBlock("p", 7, "r", "api", ids, min(moments), max(moments), content), row])
    with engine.connect() as connection:
        found = gather(connection, "p", AT + timedelta(hours=1), AT + timedelta(hours=5), None)
        nothing = gather(connection, "p", AT - timedelta(hours=1), AT, None)
    assert set(found) == set(nothing) == set(WINDOW_COLUMNS)
    assert found["id"] == [ids.texts[2], row.id, ids.texts[1], ids.texts[3]]
    assert found["prediction"] == [one["n"] for one in found["inputs"]] == [1, 2, 3, 4]
    assert found["version"] == [7, 1, 7, 7]
    assert nothing["id"] == []
    appender.close()
    engine.dispose()
