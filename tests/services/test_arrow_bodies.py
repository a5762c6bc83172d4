"""Bodies that hold tables: taken in whole, or refused before they take memory; never a crash."""

from __future__ import annotations

import struct
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import PayloadError
from services.prediction.payloads import ARROW, PARQUET, TooManyRows
from services.prediction.tables import arrow_bodies
from services.prediction.tables.arrow_bodies import read_parquet, read_stream
from services.prediction.tables.columnar import decode_columns

TABLE = pa.table(
    {
        "n": pa.array([1.5, None, 3.0, 4.0]),
        "w": pa.array(["a", "b", None, "a"]),
        "d": pa.array(["x", "y", "x", None]).dictionary_encode(),
        "t": pa.array([1, 2, None, 4], pa.timestamp("ms", "UTC")),
    }
)
VIEWS = pa.table(
    {
        "v": pa.array(["a", None, "a text longer than twelve bytes", "b"], pa.string_view()),
        "d": pa.DictionaryArray.from_arrays(
            pa.array([0, 1, None, 2], pa.int8()),
            pa.array(["x", None, "another text longer than twelve bytes"], pa.string_view()),
        ),
    }
)


def stream(table: pa.Table, compression: str | None = None, rows: int | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rows)
    return sink.getvalue().to_pybytes()


def parquet(table: pa.Table, **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("rows", [None, 1])
def test_a_stream_is_read_whole(compression: str | None, rows: int | None) -> None:
    assert read_stream(stream(TABLE, compression, rows), 4).to_pylist() == TABLE.to_pylist()


@pytest.mark.parametrize("options", [{}, {"compression": "zstd"}, {"row_group_size": 1}, {"use_dictionary": False}])
def test_a_file_is_read_whole(options: dict[str, object]) -> None:
    assert read_parquet(parquet(TABLE, **options), 4).to_pylist() == TABLE.to_pylist()


def test_too_many_rows_are_refused_before_they_are_read() -> None:
    bodies = ((stream(TABLE), read_stream), (stream(TABLE, rows=1), read_stream), (parquet(TABLE), read_parquet))
    for body, read in bodies:
        with pytest.raises(TooManyRows, match="at most 3"):
            read(body, 3)
    nothing = pa.table({"a": pa.Array.from_buffers(pa.null(), 2**31 - 1, [None])})  # few bytes, two milliard rows
    with pytest.raises(TooManyRows):
        read_stream(stream(nothing), 10_000)


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_a_stream_that_would_unpack_to_too_much_is_refused(compression: str) -> None:
    bomb = pa.table({"a": pa.array(["\0" * (arrow_bodies.MOST_BYTES + 1)])})
    body = stream(bomb, compression)
    assert len(body) < 10**6
    before = pa.total_allocated_bytes()
    with pytest.raises(PayloadError, match="would unpack"):
        read_stream(body, 10)
    assert pa.total_allocated_bytes() <= before + len(body)


def test_a_dictionary_that_would_unpack_to_too_much_is_refused() -> None:
    bomb = pa.table({"a": pa.array(["\0" * (arrow_bodies.MOST_BYTES + 1)]).dictionary_encode()})
    with pytest.raises(PayloadError, match="would unpack"):
        read_stream(stream(bomb, "zstd"), 10)


def test_a_file_that_would_unpack_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    body = parquet(pa.table({"a": pa.array(["\0" * 10**7])}), compression="zstd")
    assert len(body) < 10**5
    monkeypatch.setattr(arrow_bodies, "MOST_BYTES", 10**6)
    with pytest.raises(PayloadError, match="would unpack"):
        read_parquet(body, 10)


@pytest.mark.parametrize("body", [b"", b"{}", b"PAR1PAR1", b"\xff\xff\xff\xff\x00\x00\x00\x00", b"ARROW1\0\0" * 9])
def test_what_is_no_table_is_refused(body: bytes) -> None:
    for read in (read_stream, read_parquet):
        with pytest.raises(PayloadError, match="no readable"):
            read(body, 10)


BODIES = [stream(TABLE), stream(TABLE, "zstd"), stream(VIEWS)]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damage_is_refused_or_changes_cells_and_nothing_worse(data: st.DataObject) -> None:
    _decoded_or_refused(_damaged(data, data.draw(st.sampled_from(BODIES))), ARROW)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_parquet_ends_at_worst_the_child(data: st.DataObject) -> None:
    """In this process some of these bodies would end the tests: pyarrow's reader aborts at them."""
    body = parquet(TABLE)
    _decoded_or_refused(_damaged(data, body), PARQUET)
    assert decode_columns(body, PARQUET, 4)[1] == 4


def test_views_of_missing_texts_lead_nowhere() -> None:
    """Arrow's `validate` lets them pass, and its cast then crashes."""
    views = VIEWS["v"].chunk(0).buffers()[1].to_pybytes()
    assert views[16:32] == bytes(16)
    damaged = views[:16] + struct.pack("<iiii", 10**9, 7, 10**9, 10**9) + views[32:]
    assert stream(VIEWS).count(views) == 1
    columns, count = decode_columns(stream(VIEWS).replace(views, damaged), ARROW, 10)
    assert (columns["v"], count) == (VIEWS["v"].to_pylist(), 4)
    assert columns["d"] == VIEWS["d"].to_pylist()


def test_a_decimal_beyond_every_number_is_refused() -> None:
    body = stream(pa.table({"n": pa.array([Decimal("0.123456")], pa.decimal128(30, 17))}))
    scale = struct.pack("<i", 17)
    assert body.count(scale) == 1
    with pytest.raises(PayloadError, match="column 'n'"):
        decode_columns(body.replace(scale, struct.pack("<i", -(2**31))), ARROW, 10)


def _damaged(data: st.DataObject, body: bytes) -> bytes:
    damaged = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.sampled_from([len(body), len(body), len(body) // 2, len(body) - 1]))
    return bytes(damaged[:end])


def _decoded_or_refused(body: bytes, media: str) -> None:
    try:
        columns, count = decode_columns(body, media, 10)
    except PayloadError:
        return
    assert 1 <= count <= 10
    assert all(len(values) == count for values in columns.values())
