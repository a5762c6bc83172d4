"""What is read from JSON or raw bytes is what was meant; what does not fit is told by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import PayloadError
from services.prediction.protocols.v2_tensors import DATATYPES, read_tensors, write_raw

NOTHING = memoryview(b"")


def tensor(**changes: Any) -> dict[str, Any]:
    return {"name": "a", "shape": [2], "datatype": "FP64", "data": [1.0, 2.0]} | changes


def raw_tensor(datatype: str, raw: bytes, shape: list[int]) -> dict[str, Any]:
    parameters = {"binary_data_size": len(raw)}
    return {"name": "a", "shape": shape, "datatype": datatype, "parameters": parameters}


@pytest.mark.parametrize(
    "given_tensor",
    [
        tensor(),
        tensor(data=[1, 2]),
        tensor(shape=[2, 1], data=[[1.0], [2.0]]),
        tensor(shape=[1, 2], data=[[1.0, 2.0]]),
        tensor(data=[None, 2.0]),
        tensor(datatype="INT8", data=[-128, 127]),
        tensor(datatype="UINT64", data=[0, 2**64 - 1]),
        tensor(datatype="INT16", data=[None, None]),
        tensor(datatype="BOOL", data=[True, None]),
        tensor(datatype="BYTES", data=["ä", None]),
        tensor(parameters={"of": "no concern"}),
        tensor(shape=[0], data=[]),
    ],
)
def test_json_tensors_are_read_flat(given_tensor: dict[str, Any]) -> None:
    read = read_tensors([given_tensor], NOTHING)[0]
    flat = [cell for row in given_tensor["data"] for cell in (row if isinstance(row, list) else [row])]
    assert (read.name, read.shape, read.values) == ("a", given_tensor["shape"], flat)


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        (None, "at least one tensor"),
        ([], "at least one tensor"),
        ({}, "at least one tensor"),
        ([3], "input 0"),
        ([{"name": 3}], "input 0"),
        ([tensor(datatype="FP128")], "one of BOOL"),
        ([tensor(datatype=["FP64"])], "one of BOOL"),
        ([tensor(shape=[])], "shape"),
        ([tensor(shape="2")], "shape"),
        ([tensor(shape=[2.0])], "shape"),
        ([tensor(shape=[True, 2])], "shape"),
        ([tensor(shape=[-2])], "shape"),
        ([tensor(shape=[3])], "asks for 3 values, got 2"),
        ([tensor(shape=[2**63, 2**63])], "values, got 2"),
        ([tensor(data="ab")], "expected a list"),
        ([{"name": "a", "shape": [1], "datatype": "FP64"}], "expected a list"),
        ([tensor(shape=[2, 2], data=[[1.0, 2.0], [3.0]])], "2 lists of 2"),
        ([tensor(shape=[2, 1], data=[[1.0], 2.0])], "2 lists of 1"),
        ([tensor(data=["1", "2"])], "not every value is FP64"),
        ([tensor(data=[True, False])], "not every value is FP64"),
        ([tensor(datatype="BOOL", data=[0, 1])], "not every value is BOOL"),
        ([tensor(datatype="INT8", data=[1.5, 1])], "not every value is INT8"),
        ([tensor(datatype="INT8", data=[1, 128])], "not every value is INT8"),
        ([tensor(datatype="UINT8", data=[None, -1])], "not every value is UINT8"),
        ([tensor(datatype="BYTES", data=[1, 2])], "not every value is BYTES"),
        ([tensor(parameters=[1])], "parameters"),
        ([tensor(parameters={"shared_memory_region": "x"})], "shared memory"),
        ([tensor(parameters={"binary_data_size": -1})], "number of bytes"),
        ([tensor(parameters={"binary_data_size": True})], "number of bytes"),
        ([tensor(parameters={"binary_data_size": 0})], "either data or"),
        ([raw_tensor("FP64", b"12345678", [1])], "8 bytes and 0 are left"),
    ],
)
def test_what_does_not_fit_is_told(inputs: Any, says: str) -> None:
    with pytest.raises(PayloadError, match=says):
        read_tensors(inputs, NOTHING)


@pytest.mark.parametrize("datatype", [name for name in DATATYPES if name != "BYTES"])
def test_raw_numbers_come_back(datatype: str) -> None:
    values = [True, False] if datatype == "BOOL" else [0, 2]
    raw = write_raw(datatype, values)
    read = read_tensors([raw_tensor(datatype, raw, [2])], memoryview(raw))[0]
    assert read.values.tolist() == values
    assert read.values.dtype.isnative
    assert read.values.dtype.kind != "f" or read.values.dtype == np.float64


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
def test_raw_texts_come_back(texts: list[str]) -> None:
    raw = write_raw("BYTES", texts)
    assert read_tensors([raw_tensor("BYTES", raw, [len(texts)])], memoryview(raw))[0].values == texts


def test_raw_tensors_follow_one_another() -> None:
    inputs = [raw_tensor("INT8", b"\1", [1]), tensor() | {"name": "b"}, raw_tensor("BOOL", b"\0", [1]) | {"name": "c"}]
    read = read_tensors(inputs, memoryview(b"\1\0"))
    assert [list(one.values) for one in read] == [[1], [1.0, 2.0], [False]]
    with pytest.raises(PayloadError, match="1 bytes after its last tensor"):
        read_tensors(inputs, memoryview(b"\1\0\0"))


@pytest.mark.parametrize(
    ("datatype", "raw", "says"),
    [
        ("FP32", b"123", "asks for 4 bytes, got 3"),
        ("BYTES", b"\1\0\0\0", "beyond"),
        ("BYTES", b"\1\0", "beyond"),
        ("BYTES", b"\xff\xff\xff\xffa", "beyond"),
        ("BYTES", b"", "asks for 1 texts, got 0"),
        ("BYTES", b"\1\0\0\0\xff", "UTF-8"),
    ],
)
def test_raw_data_that_does_not_fit_is_told(datatype: str, raw: bytes, says: str) -> None:
    with pytest.raises(PayloadError, match=says):
        read_tensors([raw_tensor(datatype, raw, [1])], memoryview(raw))
