"""The head of a request that is known from the one before it on the same connection.

Programs that keep a connection send the same head again and again; only the length of the body changes. Where all the
bytes of a request but that number are those of a request that was read before, they mean what they meant then, and
are not parsed again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.prediction.guarding.guard import Credential, credential_of
from services.prediction.paths import Found

_LENGTH = b"\r\ncontent-length:"
_MOST_DIGITS = 5
_NAMED = {b"x-request-id", b"traceparent", b"tracestate"}


class KnownHead:
    """What a head said: where it goes (`found`), with which key, and as which ASGI `scope`."""

    __slots__ = ("_after", "_before", "_start", "credential", "found", "named", "scope")

    def __init__(self, before: bytes, after: bytes, scope: Mapping[str, Any], found: Found) -> None:
        """`before` and `after`: the head's bytes around the length of its body."""
        self._before, self._after, self._start = before, after, len(before)
        self.scope, self.found = scope, found
        self.credential: Credential | None = credential_of(scope)
        self.named = any(name in _NAMED for name, _ in scope["headers"])
        """Whether it names its request or trace."""

    @classmethod
    def learn(cls, data: bytes, scope: Mapping[str, Any], found: Found) -> KnownHead | None:
        """The head of a request that is all of `data`, as it was read; None where it is not as plain as that."""
        end = data.find(b"\r\n\r\n") + 4
        head = data[:end].lower()
        at = head.find(_LENGTH)
        if at < 0 or head.find(_LENGTH, at + 1) >= 0:
            return None
        start = at + len(_LENGTH)
        while head[start : start + 1] == b" ":
            start += 1
        stop = head.find(b"\r", start)
        digits = head[start:stop]
        if not _counts(digits, len(data) - end):
            return None
        return cls(data[:start], data[stop:end], scope, found)

    def body(self, data: bytes) -> bytes | None:
        """The body of the request that is all of `data`, if it has this head."""
        if not data.startswith(self._before):
            return None
        stop = data.find(b"\r", self._start, self._start + _MOST_DIGITS + 1)
        if stop < 0 or not data.startswith(self._after, stop):
            return None
        body = data[stop + len(self._after) :]
        return body if _counts(data[self._start : stop], len(body)) else None


def _counts(digits: bytes, size: int) -> bool:
    """Whether these digits are just that number."""
    return len(digits) <= _MOST_DIGITS and digits.isdigit() and int(digits) == size
