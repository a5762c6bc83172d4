"""Which ids a sealed segment may hold: a Bloom filter (Bloom 1970) of two bytes an id.

One in 1,700 ids that a segment does not hold passes it; none that it holds is stopped. So an id that nobody gave is
told without a look into files, however many there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

_BITS = 16  # an id
_HASHES = 8


def make_filter(ids: Sequence[str]) -> bytes:
    """The filter of these ids."""
    bits = np.zeros(8 * max(1, len(ids) * _BITS // 8), dtype=bool)
    bits[_places(ids, len(bits)).ravel()] = True
    return np.packbits(bits).tobytes()


def may_hold(kept: bytes, ids: Sequence[str]) -> list[str]:
    """Those of the ids that pass.

    >>> kept = make_filter(["a", "b"])
    >>> may_hold(kept, ["b", "a"])
    ['b', 'a']
    """
    if not ids:
        return []
    table = np.frombuffer(kept, dtype=np.uint8)
    places = _places(ids, 8 * len(table))
    passed = (table[places >> 3] >> (7 - (places & 7)).astype(np.uint8) & 1).all(axis=1)
    return [one for one, passes in zip(ids, passed.tolist(), strict=True) if passes]


def _places(ids: Sequence[str], size: int) -> np.ndarray:
    """(n, 8) places of bits: two hashes make all of them (Kirsch & Mitzenmacher 2006)."""
    raw = b"".join(hashlib.blake2b(one.encode(), digest_size=16).digest() for one in ids)
    first, second = np.frombuffer(raw, dtype="<u8").reshape(-1, 2).T
    steps = np.arange(_HASHES, dtype=np.uint64)
    return ((first[:, None] + steps * (second[:, None] | np.uint64(1))) % np.uint64(size)).astype(np.int64)
