"""One Arrow column as a list or a NumPy array that the contract can read, and the way back.

Arrow's own ways to NumPy import pandas (0.4 s and 60 MB), so the buffers are read and made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.core.coded import Coded
from pipelines.core.errors import PayloadError

_EXACT = 2**53
_MOST_BYTES = 128 * 2**20
_UNITS = {"s": 10**6, "ms": 10**3, "us": 1, "ns": 1}


def plain_cells(array: pa.Array) -> list[Any] | np.ndarray:
    """Numbers as an array, NaN for missing ones; moments as datetime64[us] in UTC; else a list with None.

    Whole numbers that float64 would not hold exactly come as a list. PayloadError for a type that no cell can have.
    """
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _from_dictionary(array)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _from_dictionary(array.dictionary_encode())
    if pa.types.is_string_view(kind):
        return _from_dictionary(_unviewed(array).dictionary_encode())
    if pa.types.is_integer(kind):
        return _whole_numbers(array)
    if pa.types.is_floating(kind):
        numbers = _fixed(array, f"f{kind.bit_width // 8}").astype(np.float64)
        return np.where(_missing(array), np.nan, numbers) if array.null_count else numbers
    if pa.types.is_boolean(kind):
        values = _bits(array.buffers()[1], array)
        return values if not array.null_count else _with_none(values.tolist(), _missing(array))
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _moments(array)
    if pa.types.is_decimal(kind):
        # Python's division rounds correctly, Arrow's cast may be off by one bit.
        return [None if value is None else float(value) for value in array.to_pylist()]
    if pa.types.is_null(kind):
        return [None] * len(array)
    raise PayloadError(f"the type {kind} is none of numbers, texts, booleans, dates and times")


def texts_array(texts: Sequence[str]) -> pa.Array:
    """Texts as an Arrow column.

    >>> texts_array(["a", "ü"]).to_pylist()
    ['a', 'ü']
    """
    characters = "".join(texts)
    data = characters.encode(errors="replace")
    plain = len(data) == len(characters)  # then each character is one byte
    ends = np.zeros(len(texts) + 1, dtype=np.int32)
    np.cumsum([len(one) if plain else len(one.encode(errors="replace")) for one in texts], out=ends[1:])
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(data))


def numbers_array(values: np.ndarray) -> pa.Array:
    """Numbers (float64, int64) or booleans as an Arrow column without missing values.

    >>> numbers_array(np.array([True, False])).to_pylist(), numbers_array(np.array([1.5])).to_pylist()
    ([True, False], [1.5])
    """
    types = {"b": pa.bool_(), "i": pa.int64(), "f": pa.float64()}
    plain = np.packbits(values, bitorder="little") if values.dtype.kind == "b" else np.ascontiguousarray(values)
    return pa.Array.from_buffers(types[values.dtype.kind], len(values), [None, pa.py_buffer(plain)])


def _from_dictionary(array: pa.DictionaryArray) -> list[Any]:
    """The cells of a column whose distinct values stand apart: each is made once."""
    kind = array.type.value_type
    if pa.types.is_dictionary(kind):
        raise PayloadError(f"the type {array.type} is none of numbers, texts, booleans, dates and times")
    texts = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    distinct = array.dictionary.to_pylist() if texts else _listed(plain_cells(array.dictionary))
    codes = _integers(array.indices).astype(np.int64)
    if array.null_count:
        codes = np.where(_missing(array.indices), len(distinct), codes)
        distinct.append(None)
    column = Coded.spread(distinct, codes)
    return column if texts and len(distinct) <= len(codes) else list(column)


def _listed(cells: list[Any] | np.ndarray) -> list[Any]:
    if isinstance(cells, list):
        return cells
    return list(cells) if cells.dtype.kind == "M" else cells.tolist()  # a datetime64 stays one


def _unviewed(array: pa.Array) -> pa.Array:
    """Texts that are views into shared bytes as plain texts; many views of one long text are refused."""
    sizes = _raw(array.buffers()[1], "<i4", 4 * array.offset, 4 * len(array))[::4]
    if sizes.sum(dtype=np.int64) > _MOST_BYTES:
        raise PayloadError("the texts are too long: send fewer rows at a time")
    return array.cast(pa.large_string())


def _whole_numbers(array: pa.Array) -> list[Any] | np.ndarray:
    numbers = _integers(array)
    if not array.null_count:
        return numbers
    missing = _missing(array)
    if ((numbers > _EXACT) | (numbers < -_EXACT))[~missing].any():
        return _with_none(numbers.tolist(), missing)
    return np.where(missing, np.nan, numbers.astype(np.float64))


def _moments(array: pa.Array) -> np.ndarray:
    kind = array.type
    if pa.types.is_date32(kind):
        counts, unit, factor = _fixed(array, "i4"), "D", 86_400 * 10**6
    else:
        unit = "ms" if pa.types.is_date64(kind) else kind.unit
        counts, factor = _fixed(array, "i8"), _UNITS[unit]
    missing = _missing(array)
    most = np.iinfo(np.int64).max // factor
    if ((counts > most) | (counts < -most))[~missing].any():
        raise PayloadError("a moment lies beyond any calendar")
    moments = np.where(missing, 0, counts).astype(np.int64).view(f"M8[{unit}]").astype("M8[us]")
    moments[missing] = np.datetime64("NaT", "us")
    return moments


def _with_none(values: list[Any], missing: np.ndarray) -> list[Any]:
    return [None if gone else value for value, gone in zip(values, missing.tolist(), strict=True)]


def _fixed(array: pa.Array, dtype: Any) -> np.ndarray:
    """The values as they lie in memory; where one is missing, whatever stands there."""
    return _raw(array.buffers()[1], dtype, array.offset, len(array))


def _integers(array: pa.Array) -> np.ndarray:
    sign = "i" if pa.types.is_signed_integer(array.type) else "u"
    return _fixed(array, f"{sign}{array.type.bit_width // 8}")


def _missing(array: pa.Array) -> np.ndarray:
    bits = array.buffers()[0]
    return np.zeros(len(array), dtype=bool) if bits is None else ~_bits(bits, array)


def _bits(buffer: pa.Buffer | None, array: pa.Array) -> np.ndarray:
    if buffer is None:
        return np.zeros(len(array), dtype=bool)
    raw = np.frombuffer(buffer, dtype=np.uint8)
    return np.unpackbits(raw, bitorder="little")[array.offset : array.offset + len(array)].astype(bool)


def _raw(buffer: pa.Buffer | None, dtype: Any, start: int, count: int) -> np.ndarray:
    if buffer is None or not count:
        return np.zeros(count, dtype=dtype)
    size = np.dtype(dtype).itemsize
    return np.frombuffer(buffer, dtype=dtype, count=count, offset=start * size)
