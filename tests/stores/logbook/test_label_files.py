from __future__ import annotations

import io
from datetime import datetime

from pipelines.stores.logbook.label_files import SCHEMA, LateLabel, label_table, labels_in
from pipelines.stores.logbook.segment_files import SealedLabel, read_table, write_table

MOMENT = datetime(2024, 3, 1, 12, 30, 0, 5)


def test_labels_come_back_by_id_as_they_were() -> None:
    days = [MOMENT.replace(day=day) for day in (1, 2, 3, 4)]
    rows = [
        LateLabel("b", "p", MOMENT, 7, '"ü"', days[1], days[3]),
        LateLabel("a", "p", MOMENT, 9, "1.5", days[1], days[3]),
        LateLabel("a", "p", MOMENT, 8, "2.5", days[2], days[3]),
    ]
    table = label_table(rows)
    assert table.schema.equals(SCHEMA)
    assert table["seq"].to_pylist() == [9, 8, 7]
    content = write_table(table)
    assert read_table(content).equals(table)
    assert labels_in(io.BytesIO(content)) == {
        "a": [SealedLabel(9, "1.5", days[1], days[3]), SealedLabel(8, "2.5", days[2], days[3])],
        "b": [SealedLabel(7, '"ü"', days[1], days[3])],
    }
