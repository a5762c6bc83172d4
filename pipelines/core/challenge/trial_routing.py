"""Which rows a challenger on trial takes: the same ones each time, and only more of them as its share grows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BETWEEN, _MISSING = "\x1f", "\x00"


def place(problem: str, key: str) -> float:
    """Where a key lies between 0 and 1: uniform over keys, the same in every process and for good.

    A challenger with a share takes the keys below it, so raising the share only ever adds keys.

    >>> place("flights", "EWR") == place("flights", "EWR"), place("flights", "EWR") == place("visits", "EWR")
    (True, False)
    >>> 0 <= place("flights", "EWR") < 1
    True
    """
    digest = hashlib.blake2b(f"{problem}{_BETWEEN}{key}".encode(errors="surrogatepass"), digest_size=7).digest()
    return (int.from_bytes(digest, "big") >> 3) / 2**53


def taken(
    problem: str, share: float, columns: Mapping[str, Any], count: int, key: str | None, routing: str | None
) -> NDArray[np.bool_]:
    """Which of `count` checked rows fall to the challenger, shape (count,).

    By `routing` (the caller's word for all rows) if given, else by the value of the column `key`, else by the whole
    row; a row whose key is missing goes by the whole row too, so that such rows do not all go one way.

    >>> taken("x", 1.0, {"a": [1.0, 2.0]}, 2, None, None).tolist()
    [True, True]
    """
    if routing is not None:
        return np.full(count, place(problem, routing) < share)
    keys: Sequence[str] = [_MISSING] * count
    if key is not None and key in columns:
        keys = _texts(columns[key])
    if _MISSING in keys:
        whole = [repr(row) for row in zip(*map(_plain, columns.values()), strict=True)] or [""] * count
        keys = [row if one == _MISSING else one for one, row in zip(keys, whole, strict=True)]
    return np.fromiter((place(problem, one) < share for one in keys), dtype=np.bool_, count=count)


def _texts(values: Any) -> list[str]:
    """One text per value, whether it came in a list or in an array."""
    return [_text(value) for value in _plain(values)]


def _plain(values: Any) -> Any:
    """The values as a list has them: float, text, None, datetime64."""
    if isinstance(values, np.ndarray):
        return list(values.astype("datetime64[us]")) if values.dtype.kind == "M" else values.tolist()
    return values


def _text(value: Any) -> str:
    if value is None or value != value:  # NaN and NaT
        return _MISSING
    if isinstance(value, str):
        return value
    if isinstance(value, np.datetime64):
        return str(value.astype("datetime64[us]"))
    return repr(float(value))
