"""Ids of predictions: UUIDv7 (RFC 9562), made together, so that they all begin with the same millisecond."""

from __future__ import annotations

import os
import time as clock
from dataclasses import dataclass
from functools import cached_property

import numpy as np

_VERSION = 0x7 << 76 | 0x2 << 62  # of a UUIDv7: its version and its variant
_FREE = ~(0xF << 76) & ~(0x3 << 62)
_FEW = 24  # ids up to which one at a time is quicker than arrays
_GROUPS = ((0, 8, 0), (8, 12, 9), (12, 16, 14), (16, 20, 19), (20, 32, 24))  # of hex digits, and where they are written


@dataclass(frozen=True)
class PredictionIds:
    """Ids that begin with the same millisecond; `raw` are their bytes, 16 each, one after another."""

    raw: bytes

    def __len__(self) -> int:
        return len(self.raw) // 16

    @property
    def made(self) -> int:
        """The millisecond since 1970 in which they were made."""
        return int.from_bytes(self.raw[:6], "big")

    @cached_property
    def texts(self) -> list[str]:
        """The ids as they are written."""
        raw = self.raw
        count = len(raw) // 16
        if count <= _FEW:
            return [_written(raw[start : start + 16].hex()) for start in range(0, 16 * count, 16)]
        letters = self.letters
        return [letters[start : start + 36] for start in range(0, 36 * count, 36)]

    @cached_property
    def letters(self) -> str:
        """All of them written one after another, 36 letters each."""
        count = len(self.raw) // 16
        digits = np.frombuffer(self.raw.hex().encode(), dtype="u1").reshape(count, 32)
        table = np.full((count, 36), ord("-"), dtype="u1")
        for start, end, place in _GROUPS:
            table[:, place : place + end - start] = digits[:, start:end]
        return table.tobytes().decode("ascii")

    def text(self, place: int) -> str:
        """One of them as it is written."""
        return _written(self.raw[16 * place : 16 * place + 16].hex())

    def part(self, start: int, end: int) -> PredictionIds:
        """Those from `start` to `end` (exclusive)."""
        return PredictionIds(self.raw[16 * start : 16 * end])

    def place(self, raw: bytes | None) -> int | None:
        """Where an id stands among them; None where it does not."""
        at = -1
        while raw is not None and (at := self.raw.find(raw, at + 1)) >= 0:
            if at % 16 == 0:  # else it is the end of one id and the beginning of another
                return at // 16
        return None


def make_ids(count: int) -> PredictionIds:
    """Fresh ids; at least one.

    >>> ids = make_ids(2)
    >>> len(ids), [len(one) for one in ids.texts], ids.texts[0][14], ids.place(raw_id(ids.texts[1]))
    (2, [36, 36], '7', 1)
    """
    stamp = (clock.time_ns() // 1_000_000).to_bytes(6, "big")
    if count <= _FEW:
        start, parts = int.from_bytes(stamp, "big") << 80, []
        noise = os.urandom(10 * count)
        for place in range(0, 10 * count, 10):
            value = (start | int.from_bytes(noise[place : place + 10], "big")) & _FREE | _VERSION
            parts.append(value.to_bytes(16, "big"))
        return PredictionIds(b"".join(parts))
    table = np.frombuffer(bytearray(os.urandom(16 * count)), dtype="u1").reshape(count, 16)
    table[:, :6] = np.frombuffer(stamp, dtype="u1")
    table[:, 6] = table[:, 6] & 0x0F | 0x70
    table[:, 8] = table[:, 8] & 0x3F | 0x80
    return PredictionIds(table.tobytes())


def new_id() -> str:
    """One fresh id, written."""
    return make_ids(1).texts[0]


def is_id(text: str) -> bool:
    """Whether a text can be an id at all; others need no look-up (PostgreSQL refuses a NUL in a text).

    >>> is_id(new_id()), is_id("x"), is_id("\\x00" * 36)
    (True, False, False)
    """
    return len(text) == 36 and text.isprintable()


def raw_id(text: str) -> bytes | None:
    """The bytes of an id as this log makes them; None for every other text.

    >>> raw_id("absent") is None
    True
    """
    try:
        raw = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        return None
    return raw if len(raw) == 16 and _written(raw.hex()) == text else None


def _written(text: str) -> str:
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
