from __future__ import annotations

import io
from datetime import datetime, timedelta

import pytest
from pyarrow.parquet import ParquetFile

from pipelines.stores.logbook import segment_files
from pipelines.stores.logbook.segment_files import (
    SealedLabel,
    SealedRow,
    columns_between,
    labels_of,
    make_table,
    read_table,
    rows_between,
    rows_with,
    write_table,
)

NOON = datetime(2024, 3, 1, 12)


def row(number: int) -> SealedRow:
    labels = [SealedLabel(9 - one, f'"{one}"', NOON + timedelta(days=one // 2), NOON) for one in range(number % 4)]
    moment = NOON + timedelta(minutes=(number * 37) % 100)
    history, time = ('{"rate":0.5}', moment) if number % 2 else (None, None)
    odds = '{"a":1.0}' if number % 3 else None
    return SealedRow(
        *(f"{number:04d}", "p", 3, "r", NOON, time, moment, '{"x":1e-300,"ü":null}', history, '"a"', odds, "api"),
        *(bool(number % 5), labels),
    )


@pytest.fixture
def content(monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setattr(segment_files, "_GROUP", 7)
    return write_table(make_table(row(number) for number in range(49, -1, -1)))


def test_rows_come_back_as_they_were(content: bytes) -> None:
    found = [one for part in rows_between(io.BytesIO(content), NOON, NOON + timedelta(days=1)) for one in part]
    assert sorted(found) == [
        row(number)._replace(labels=sorted(row(number).labels, key=lambda it: (it.known_at, it.seq)))
        for number in range(50)
    ]
    assert read_table(content).equals(read_table(write_table(read_table(content))))


def test_a_window_takes_its_start_and_leaves_its_end(content: bytes) -> None:
    start, end = NOON + timedelta(minutes=10), NOON + timedelta(minutes=60)
    expected = sorted(row(number).id for number in range(50) if start <= row(number).moment < end)
    parts = rows_between(io.BytesIO(content), start, end)
    assert sorted(one.id for part in parts for one in part) == expected
    columns = columns_between(io.BytesIO(content), ["id", "version"], start, end)
    assert sorted(one for part in columns for one in part["id"]) == expected


def test_one_row_is_found_in_its_row_group(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    real = ParquetFile.read_row_group

    def noted(self: object, group: int, **options: object) -> object:
        read.append(group)
        return real(self, group, **options)

    monkeypatch.setattr(ParquetFile, "read_row_group", noted)
    assert [one.id for one in rows_with(io.BytesIO(content), ["0023", "0027"])] == ["0023", "0027"]
    assert set(read) == {3}
    assert list(rows_with(io.BytesIO(content), ["absent"])) == []


def test_the_label_that_counts_is_a_column(content: bytes) -> None:
    found = {one["id"]: one for one in read_table(content).to_pylist()}
    assert (found["0000"]["label"], found["0001"]["label"]) == (None, '"0"')
    assert (found["0002"]["label"], found["0003"]["label"]) == ('"0"', '"2"')  # known at once: the one received last
    assert found["0003"]["known_at"] == NOON + timedelta(days=1)
    labels = labels_of(io.BytesIO(content))
    assert sorted(labels) == [f"{number:04d}" for number in range(50) if number % 4]
    assert [one.seq for one in labels["0003"]] == [8, 9, 7]
