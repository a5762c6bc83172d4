"""Words of a text, counted by hash: as scikit-learn's HashingVectorizer counts words and pairs of them."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

_WORD = re.compile(r"(?u)\b\w\w+\b")
_MASK = 0xFFFFFFFF


class WordHasher:
    """Counts of the hashed words that a model knows: `used` are the places kept of `size`, rising.

    >>> from sklearn.feature_extraction.text import HashingVectorizer
    >>> other = HashingVectorizer(n_features=16, ngram_range=(1, 2), norm=None, alternate_sign=False)
    >>> dense = other.transform(["Late, late flight"]).toarray()[0]
    >>> places, counts = WordHasher(16, range(16)).count("Late, late flight")
    >>> dense[places].tolist() == counts.tolist(), int(dense.sum() - counts.sum())
    (True, 0)
    """

    def __init__(self, size: int, used: Sequence[int]) -> None:
        self._size = size
        self._place = {int(number): place for place, number in enumerate(used)}

    def count(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Places among those kept (int64, rising), and how often each was hit (float64)."""
        words = _WORD.findall(text.lower())
        terms = words + [f"{one} {two}" for one, two in itertools.pairwise(words)]
        hits: Counter[int] = Counter()
        for term, times in Counter(terms).items():
            place = self._place.get(abs(signed_hash(term.encode("utf-8", "surrogatepass"))) % self._size)
            if place is not None:
                hits[place] += times
        places = sorted(hits)
        return np.array(places, dtype=np.int64), np.array([hits[place] for place in places], dtype=np.float64)


def signed_hash(data: bytes) -> int:
    """MurmurHash3, x86, 32 bits, seed 0, as a signed integer (Appleby, public domain).

    >>> signed_hash(b"late flight")
    1062048431
    """
    value, whole = 0, len(data) // 4 * 4
    for start in range(0, whole, 4):
        value ^= _mixed(int.from_bytes(data[start : start + 4], "little"))
        value = ((value << 13 | value >> 19) * 5 + 0xE6546B64) & _MASK
    if whole < len(data):
        value ^= _mixed(int.from_bytes(data[whole:], "little"))
    value ^= len(data)
    value = ((value ^ value >> 16) * 0x85EBCA6B) & _MASK
    value = ((value ^ value >> 13) * 0xC2B2AE35) & _MASK
    value ^= value >> 16
    return value - (1 << 32) if value & 0x80000000 else value


def _mixed(part: int) -> int:
    part = part * 0xCC9E2D51 & _MASK
    return (part << 15 | part >> 17) * 0x1B873593 & _MASK
