from __future__ import annotations

import pytest
import sqlalchemy as sa

from pipelines.core.settings import Settings
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.notice_tables import EPISODES
from pipelines.stores.sql.schema import ensure_schema

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL


def test_making_the_tables_again_changes_nothing_and_one_episode_is_open(settings: Settings) -> None:
    engine = open_database(settings.database)
    for _ in range(2):
        ensure_schema(engine)
    assert {"notice_cursors", "episodes", "notices", "deliveries"} <= set(sa.inspect(engine).get_table_names())
    row = {name: [] for name in ("kinds", "open", "alarming")} | {"problem": "p", "topic": "health", "told": 1}
    row |= {"subject": "s", "began": sa.func.now(), "told_at": sa.func.now()}
    with engine.begin() as connection:
        connection.execute(sa.insert(EPISODES).values(key="one", ended=sa.func.now(), **row))
        connection.execute(sa.insert(EPISODES).values(key="two", **row))
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        connection.execute(sa.insert(EPISODES).values(key="three", **row))
    engine.dispose()
