from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from pipelines.stores.logbook.log_labels import newest_labels
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.log_tables import LABELS
from pipelines.stores.sql.schema import ensure_schema

NOON = datetime(2024, 3, 1, 12)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_the_label_known_last_counts_in_whatever_order_they_came(database: str, order: tuple[int, ...]) -> None:
    engine = open_database(database)
    ensure_schema(engine)
    given = [(NOON, "1"), (NOON + timedelta(hours=2), "2"), (NOON + timedelta(hours=4), "3")]
    with engine.begin() as connection:
        for place in order:
            known_at, label = given[place]
            row = {"prediction_id": "a", "label": label, "known_at": known_at, "received_at": NOON}
            connection.execute(LABELS.insert(), [row])
        seen = [newest_labels(connection, ["a", "b"], NOON + timedelta(hours=hour)) for hour in (-1, 0, 3, 9)]
        always = newest_labels(connection, ["a"], None)
    assert [one.get("a", (None,))[0] for one in seen] == [None, 1, 2, 3]
    assert always == {"a": (3, NOON + timedelta(hours=4))}
    engine.dispose()


def test_of_two_known_at_once_the_one_received_last_counts(database: str) -> None:
    engine = open_database(database)
    ensure_schema(engine)
    with engine.begin() as connection:
        for label in ("true", "false"):
            row = {"prediction_id": "a", "label": label, "known_at": NOON, "received_at": NOON}
            connection.execute(LABELS.insert(), [row])
        assert newest_labels(connection, ["a"], NOON)["a"][0] is False
    engine.dispose()
