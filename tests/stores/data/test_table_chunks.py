from __future__ import annotations

import gzip
import zipfile
from datetime import datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.errors import SourceError
from pipelines.stores.data.arrow_frames import plain_frame
from pipelines.stores.data.table_chunks import TableWriter, open_stream
from pipelines.stores.data.tables import read_table

ROWS = 5_000


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": range(ROWS),
            "size [m²]": [None if row % 7 == 0 else row / 2 for row in range(ROWS)],
            "whole, with gaps": pd.array([None if row == ROWS - 1 else row for row in range(ROWS)], "Int64"),
            "text": [f"é {row}" for row in range(ROWS)],
            "at": pd.date_range("2013-01-01", periods=ROWS, freq="h"),
        }
    )


def write(folder: Path, suffix: str) -> Path:
    path = folder / f"table{suffix}"
    text = frame().to_csv(index=False)
    if suffix == ".parquet":
        frame().to_parquet(path, index=False)
    elif suffix == ".csv.gz":
        path.write_bytes(gzip.compress(text.encode()))
    elif suffix == ".csv.zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("table.csv", text)
    else:
        path.write_text(text)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".csv.zip", ".parquet"])
def test_the_batches_are_the_table_in_its_order(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path, suffix)
    with open_stream(path, 700) as stream:
        batches = list(stream.batches)
        names = stream.schema.names
    assert max(batch.num_rows for batch in batches) <= 700
    assert names == frame().columns.tolist()
    whole = plain_frame(pa.Table.from_batches(batches))
    pd.testing.assert_frame_equal(whole, read_table(path))


def test_types_are_those_of_the_whole_file(tmp_path: Path) -> None:
    """The first batch looks like numbers, the last row is a text."""
    rows = [*(str(row) for row in range(3_000)), "text"]
    (tmp_path / "t.csv").write_text("a\n" + "\n".join(rows) + "\n")
    with open_stream(tmp_path / "t.csv", 1_000) as stream:
        assert pa.types.is_string(stream.schema.field("a").type)
        assert sum(batch.num_rows for batch in stream.batches) == 3_001


def test_repeated_names_are_numbered(tmp_path: Path) -> None:
    table = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    pq.write_table(table, tmp_path / "t.parquet")
    with open_stream(tmp_path / "t.parquet", 10) as stream:
        assert stream.schema.names == ["a", "a.1"]
        assert [batch.num_rows for batch in stream.batches] == [1]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_is_no_table_is_said(tmp_path: Path, suffix: str) -> None:
    bad = tmp_path / f"bad{suffix}"
    bad.write_bytes(b"\x00\x01 nothing")
    with pytest.raises(SourceError, match="bad"), open_stream(bad, 10):
        pass
    with pytest.raises(SourceError, match="absent"), open_stream(tmp_path / "absent.csv", 10):
        pass


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_file_appears_in_full_or_not_at_all(tmp_path: Path, suffix: str) -> None:
    schema = pa.schema([("a", pa.int64()), ("b", pa.string())])
    batch = pa.RecordBatch.from_pydict({"a": [1, None], "b": ['x,"y', None]}, schema=schema)
    path = tmp_path / f"out{suffix}"
    with pytest.raises(KeyboardInterrupt):
        write_and_die(path, batch)
    assert list(tmp_path.iterdir()) == []
    with TableWriter(path, schema) as writer:
        writer.write(batch)
        writer.write(batch)
        assert not path.exists()
    found = read_table(path)
    assert found["b"].tolist() == ['x,"y', None] * 2
    assert found["a"].isna().tolist() == [False, True] * 2


def write_and_die(path: Path, batch: pa.RecordBatch) -> None:
    with TableWriter(path, batch.schema) as writer:
        writer.write(batch)
        raise KeyboardInterrupt


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"\.csv or \.parquet"):
        TableWriter(tmp_path / "out.xlsx", pa.schema([]))


def test_odd_types_of_parquet_are_read_as_for_training(tmp_path: Path) -> None:
    table = pa.table(
        {
            "lasted": pa.array([timedelta(minutes=one) for one in range(3)]),
            "at": pa.array([time(one) for one in range(3)]),
            "basket": pa.array([[1, one] for one in range(3)]),
            "address": pa.array([{"city": "a"}] * 3),
            "raw": pa.array([b"x", b"y", None]),
            "price": pa.array([Decimal("1.50")] * 3),
            "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
            "moment": pa.array([datetime(2024, 1, 1, one, tzinfo=ZoneInfo("Europe/Paris")) for one in range(3)]),
        }
    )
    pq.write_table(table, tmp_path / "odd.parquet")
    with open_stream(tmp_path / "odd.parquet", 2) as stream:
        found = plain_frame(pa.Table.from_batches(list(stream.batches)))
    pd.testing.assert_frame_equal(found, read_table(tmp_path / "odd.parquet"))
