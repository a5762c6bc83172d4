"""Tensors of the Open Inference Protocol: read from JSON or from raw bytes, and written as either.

Datatypes and their forms are those of the protocol's "Tensor Data Types" and of the "binary tensor data" extension:
https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from __future__ import annotations

from itertools import chain
from math import prod
from typing import Any, NamedTuple

import numpy as np

from pipelines.core.errors import PayloadError

_FORMS = dict(
    [("BOOL", "?"), ("FP16", "<f2"), ("FP32", "<f4"), ("FP64", "<f8")]
    + [(f"{sign}INT{8 * size}", f"<{form}{size}") for sign, form in (("", "i"), ("U", "u")) for size in (1, 2, 4, 8)]
)
"""How each datatype is laid out in raw bytes: little-endian; BYTES has lengths instead."""
DATATYPES = (*_FORMS, "BYTES")
_LIMITS = {name: (int(np.iinfo(form).min), int(np.iinfo(form).max)) for name, form in _FORMS.items() if "INT" in name}
_NOTHING = type(None)
_WHOLE = {int}


def _json_types(datatype: str) -> frozenset[type]:
    if datatype in _LIMITS:
        return frozenset((int, _NOTHING))
    others: dict[str, tuple[type, ...]] = {"BOOL": (bool,), "BYTES": (str,)}
    return frozenset((*others.get(datatype, (int, float)), _NOTHING))


_IN_JSON = {name: _json_types(name) for name in DATATYPES}
"""What the values of each datatype are in JSON: null, a missing value, is an extension of ours."""


class Tensor(NamedTuple):
    """One tensor: `values` are flat, row by row, a list (JSON) or an array (raw bytes)."""

    name: str
    datatype: str
    shape: list[int]
    values: Any


def read_tensors(inputs: Any, tail: memoryview) -> list[Tensor]:
    """The tensors of a request; `tail` has the raw bytes of those that name a `binary_data_size`, one after another.

    PayloadError names the tensor that does not fit.

    >>> read_tensors([{"name": "a", "shape": [2], "datatype": "FP64", "data": [1, 2.5]}], memoryview(b""))
    [Tensor(name='a', datatype='FP64', shape=[2], values=[1, 2.5])]
    """
    if not isinstance(inputs, list) or not inputs:
        raise PayloadError("expected 'inputs', a list with at least one tensor")
    tensors, start = [], 0
    for position, given in enumerate(inputs):
        if not isinstance(given, dict) or not isinstance(given.get("name"), str):
            raise PayloadError(f"input {position}: expected an object with name, shape, datatype and data")
        size = _raw_size(given)
        if size is None:
            tensors.append(_from_json(given))
        else:
            if start + size > len(tail):
                raise _wrong(given["name"], f"binary_data_size says {size} bytes and {len(tail) - start} are left")
            tensors.append(_from_raw(given, bytes(tail[start : start + size])))
            start += size
    if start != len(tail):
        raise PayloadError(f"the body has {len(tail) - start} bytes after its last tensor")
    return tensors


def write_raw(datatype: str, values: Any) -> bytes:
    """The values as the binary extension lays them out.

    >>> write_raw("BYTES", ["ab"]), write_raw("BOOL", [True, False])
    (b'\\x02\\x00\\x00\\x00ab', b'\\x01\\x00')
    """
    if datatype != "BYTES":
        return np.asarray(values, dtype=_FORMS[datatype]).tobytes()
    texts = [text.encode() for text in values]
    return b"".join(chain.from_iterable((len(text).to_bytes(4, "little"), text) for text in texts))


def _raw_size(given: dict[str, Any]) -> int | None:
    parameters = given.get("parameters")
    if parameters is None:
        return None
    if not isinstance(parameters, dict):
        raise _wrong(given["name"], "parameters: expected an object")
    if "shared_memory_region" in parameters:
        raise _wrong(given["name"], "shared memory is not supported: send the data with the request")
    size = parameters.get("binary_data_size")
    if size is None:
        return None
    if type(size) is not int or size < 0:
        raise _wrong(given["name"], "binary_data_size: expected a number of bytes")
    if "data" in given:
        raise _wrong(given["name"], "expected either data or binary_data_size")
    return size


def _from_json(given: dict[str, Any]) -> Tensor:
    name, datatype, shape = given["name"], *_kind(given)
    data = given.get("data")
    if not isinstance(data, list):
        raise _wrong(name, "data: expected a list")
    if data and type(data[0]) is list:
        width = prod(shape[1:])
        if any(type(row) is not list or len(row) != width for row in data):
            raise _wrong(name, f"data: expected {shape[0]} lists of {width}, as shape says")
        data = list(chain.from_iterable(data))
    if len(data) != (shape[0] if len(shape) == 1 else prod(shape)):
        raise _wrong(name, f"shape {shape} asks for {prod(shape)} values, got {len(data)}")
    found = set(map(type, data))
    if not found <= _IN_JSON[datatype]:
        raise _wrong(name, f"data: not every value is {datatype}")
    limits = _LIMITS.get(datatype)
    if limits is not None and found != {_NOTHING}:
        numbers = data if _NOTHING not in found else [value for value in data if value is not None]
        if numbers and (min(numbers) < limits[0] or max(numbers) > limits[1]):
            raise _wrong(name, f"data: not every value is {datatype}")
    return Tensor(name, datatype, shape, data)


def _from_raw(given: dict[str, Any], raw: bytes) -> Tensor:
    name, datatype, shape = given["name"], *_kind(given)
    count = prod(shape)
    if datatype == "BYTES":
        return Tensor(name, datatype, shape, _read_texts(name, raw, count))
    form = np.dtype(_FORMS[datatype])
    if len(raw) != count * form.itemsize:
        raise _wrong(name, f"shape {shape} of {datatype} asks for {count * form.itemsize} bytes, got {len(raw)}")
    if datatype == "BOOL":
        return Tensor(name, datatype, shape, np.frombuffer(raw, dtype=np.uint8) != 0)
    values = np.frombuffer(raw, dtype=form)
    return Tensor(name, datatype, shape, values.astype(np.float64) if form.kind == "f" else values)


def _read_texts(name: str, raw: bytes, count: int) -> list[str]:
    texts, start = [], 0
    try:
        while start < len(raw):
            end = start + 4 + int.from_bytes(raw[start : start + 4], "little")
            if end > len(raw) or start + 4 > len(raw):
                raise _wrong(name, "the lengths of its texts go beyond binary_data_size")
            texts.append(raw[start + 4 : end].decode())
            start = end
    except UnicodeDecodeError:
        raise _wrong(name, "its bytes are no text: expected UTF-8") from None
    if len(texts) != count:
        raise _wrong(name, f"its shape asks for {count} texts, got {len(texts)}")
    return texts


def _kind(given: dict[str, Any]) -> tuple[str, list[int]]:
    name, datatype, shape = given["name"], given.get("datatype"), given.get("shape")
    if not isinstance(datatype, str) or datatype not in _IN_JSON:
        raise _wrong(name, f"datatype: expected one of {', '.join(DATATYPES)}")
    if not isinstance(shape, list) or not shape or set(map(type, shape)) != _WHOLE or min(shape) < 0:
        raise _wrong(name, "shape: expected a list such as [2] or [2, 1]")
    return datatype, shape


def _wrong(name: str, message: str) -> PayloadError:
    return PayloadError(f"input {name[:100]!r}: {message}")
