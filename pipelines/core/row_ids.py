"""Names of rows that stay the same in every snapshot, and an order that does not depend on the source's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.core.kinds import category_texts, plain_values
from pipelines.core.schema import Contract

_SALT = "ratchet row ids."  # SipHash wants sixteen characters
_EXACT = 2**53


def row_hashes(frame: pd.DataFrame, names: list[str]) -> NDArray[np.uint64]:
    """A 64-bit hash (SipHash) of each row's values in the columns named, uint64 (n,)."""
    if not names:
        return np.zeros(len(frame), dtype=np.uint64)
    hashes: NDArray[np.uint64] = pd.util.hash_pandas_object(
        frame[names], index=False, hash_key=_SALT, categorize=True
    ).to_numpy()
    return hashes


def key_hashes(frame: pd.DataFrame, key: list[str]) -> NDArray[np.uint64]:
    """A hash of each row's key: 1 and 1.0 are one key, for a missing value makes a column float."""
    parts = pd.DataFrame({name: _key_part(frame[name]) for name in key}, index=range(len(frame)))
    return row_hashes(parts, key)


def _key_part(series: pd.Series) -> NDArray[Any]:
    values = plain_values(series)
    if values.dtype.kind == "M":
        return values.astype("datetime64[us]").astype(np.int64)
    exact = values.dtype.kind in "iu" and (np.abs(values) <= _EXACT).all()
    return values.astype(np.float64) if exact or values.dtype.kind == "f" else category_texts(series)


def row_ids(contract: Contract, frame: pd.DataFrame) -> NDArray[np.object_]:
    """The id of each row (n,): of its key if there is one, else of what was known when it was asked about.

    A label that comes later never changes an id. Rows with equal content are told apart by a number, in the
    order of the frame. `frame` holds the contract's columns as `check` types them, and the key.
    """
    if contract.key:
        hashes = key_hashes(frame, contract.key)
    else:
        hashes = row_hashes(frame, [column.name for column in contract.columns if column.asked])
    ids = np.array([f"{one:016x}" for one in hashes.tolist()], dtype=object)
    order = np.argsort(hashes, kind="stable")
    fresh = np.concatenate([[True], np.diff(hashes[order].astype(object)) != 0]) if len(ids) else np.array([], bool)
    starts = np.maximum.accumulate(np.where(fresh, np.arange(len(ids)), 0))
    number = np.empty(len(ids), dtype=np.int64)
    number[order] = np.arange(len(ids)) - starts
    repeated = number > 0
    ids[repeated] = [f"{one}-{count}" for one, count in zip(ids[repeated], number[repeated], strict=True)]
    return ids


def canonical_order(contract: Contract, frame: pd.DataFrame) -> NDArray[np.int64]:
    """Positions (n,) that sort the rows by time, then by hash: the same for any order of the source."""
    asked = [column.name for column in contract.columns if column.asked]
    everything = row_hashes(frame, list(frame.columns))
    keys = [everything, key_hashes(frame, contract.key) if contract.key else row_hashes(frame, asked)]
    if contract.time is not None:
        keys.append(frame[contract.time].to_numpy().astype("datetime64[us]").astype(np.int64))
    return np.lexsort(keys)
