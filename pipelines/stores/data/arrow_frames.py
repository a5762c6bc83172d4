"""Arrow tables as plain pandas frames: no nullable dtypes, no Decimal objects, no zones, no nesting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_EXACT = 2**53


def plain_frame(table: pa.Table) -> pd.DataFrame:
    """The table's columns as bool, int64, float64, datetime64[us] (UTC, no zone) or object of str and None.

    Booleans with missing values are objects True, False, None; whole numbers with missing values are float64,
    or text where float64 would not hold them exactly.
    """
    columns = {position: _plain_column(column) for position, column in enumerate(table.columns)}
    frame = pd.DataFrame(columns, index=range(table.num_rows), copy=False)
    frame.columns = pd.Index(table.column_names, dtype=object)
    return frame


def _plain_column(column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        moments = column.cast(pa.timestamp("us", tz=getattr(kind, "tz", None)), safe=False)
        return moments.cast(pa.timestamp("us"), safe=False).to_numpy().astype("datetime64[us]")
    if pa.types.is_boolean(kind):
        return column.to_numpy() if column.null_count == 0 else column.to_pandas().to_numpy(dtype=object)
    if pa.types.is_integer(kind):
        return _integers(column)
    if pa.types.is_decimal(kind):
        return _texts(column) if kind.scale == 0 and not _exact(column) else _floats(column)
    if pa.types.is_floating(kind):
        return _floats(column)
    if pa.types.is_null(kind):
        return np.full(len(column), None, dtype=object)
    return _texts(column)


def _integers(column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    if column.null_count == 0 and column.type != pa.uint64():
        return column.to_numpy().astype(np.int64)
    return _floats(column) if _exact(column) else _texts(column)


def _exact(column: pa.ChunkedArray) -> bool:
    """Whether float64 holds each of these whole numbers."""
    if len(column) == column.null_count:
        return True
    span = pc.min_max(column).as_py()
    return span["min"] >= -_EXACT and span["max"] <= _EXACT


def _floats(column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    return column.cast(pa.float64(), safe=False).to_numpy().astype(np.float64)


def _texts(column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    if pa.types.is_nested(column.type) or pa.types.is_duration(column.type) or pa.types.is_interval(column.type):
        texts = [None if one is None else str(one) for one in column.to_pylist()]
        return np.array([*texts, None], dtype=object)[:-1]  # the None keeps an all-text list from becoming dtype U
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return np.array(
            [*(None if one is None else one.decode(errors="replace") for one in column.to_pylist()), None],
            dtype=object,
        )[:-1]
    return column.cast(pa.string()).to_pandas().to_numpy(dtype=object)
