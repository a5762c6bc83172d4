from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from pipelines.core.settings import Settings
from pipelines.stores.logbook.archive import open_archive, with_archive
from pipelines.stores.logbook.log_owners import find_labelled, find_live, find_owners, find_sealed
from pipelines.stores.logbook.log_sealing import seal_log
from pipelines.stores.logbook.prediction_log import open_log
from pipelines.stores.sql.database import open_database

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL
FAR = datetime(2100, 1, 1, tzinfo=UTC)


def test_an_id_is_known_wherever_it_is(settings: Settings, traffic: Any) -> None:
    old, young = traffic(20), traffic(20, seed=1)
    with closing(open_log(settings)) as log:
        old.log(log, 10)
        old.label(log, [0, 1])
        seal_log(settings, FAR, FAR)
        young.log(log, None)
        young.label(log, [2])
        old.label(log, [0, 5])
    ids = [old.ids.text(0), young.ids.text(0), "absent", "\x00" * 36]
    engine = with_archive(open_database(settings.database), open_archive(settings))
    with engine.connect() as connection:
        assert find_live(connection, ids) == {ids[1]: "p"}
        assert {name: row.problem for name, row in find_sealed(connection, ids).items()} == {ids[0]: "p"}
        assert find_owners(connection, ids) == {ids[0]: "p", ids[1]: "p"}
        live, late = find_labelled(connection, "p", sa.true())
        assert (live, {one.id for one in late}) == (1, {old.ids.text(row) for row in (0, 1, 5)})  # 1: the last by then
        assert find_labelled(connection, "q", sa.true()) == (0, [])
    engine.dispose()
