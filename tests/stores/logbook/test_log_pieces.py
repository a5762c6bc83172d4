from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from pipelines.stores.logbook import log_pieces
from pipelines.stores.logbook.log_pieces import pieces_between
from pipelines.stores.logbook.prediction_log import PredictionLog
from pipelines.stores.sql.database import open_database

START = datetime(2024, 3, 1)


@pytest.mark.parametrize("size", [None, 1, 30])
def test_pieces_hold_each_row_once(
    database: str, traffic: Any, size: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_pieces, "_ROWS", 64)
    monkeypatch.setattr(log_pieces, "_BLOCKS", 20)
    log, made = PredictionLog(database), traffic(200)
    made.log(log, size)
    end = START + timedelta(days=3.5)
    inside = np.flatnonzero(made.moments < end)
    engine = open_database(database)
    with engine.connect() as connection:
        pieces = list(pieces_between(connection, "p", START, end, ["yes", "no"]))
    engine.dispose()
    log.close()
    assert sum(len(one) for one in pieces) == sum(one.versions[1] for one in pieces) == len(inside)
    assert max(len(one) for one in pieces) < 130
    rows = [one.take(np.arange(0, len(one), 2)) for one in pieces]
    ids = [name for one in rows for name in one.ids]
    place = {made.ids.text(row): row for row in range(200)}
    place |= {made.ids.raw[16 * row : 16 * row + 16]: row for row in range(200)}
    assert len(set(ids)) == len(ids)
    for one in rows:
        mine = [place[name] for name in one.ids]
        assert one.moments.tolist() == made.moments[mine].tolist()
        np.testing.assert_allclose(one.scores[:, 0], made.odds[mine])
        assert list(one.inputs["words"]) == [made.words[row] for row in mine]
        assert list(one.history["rate"]) == made.rates[mine].tolist()
