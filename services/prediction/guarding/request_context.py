"""Who asks in which trace: the request's id, and W3C trace context in and out."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any

_ID = re.compile(rb"[A-Za-z0-9._~:+/=-]{1,128}")
# https://www.w3.org/TR/trace-context/: version 00 has exactly these four fields, a later one may add more.
_PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_MEMBER = re.compile(r"[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}")
_MOST_STATE = 512  # characters that every party must pass on; more may be dropped
_MOST_MEMBERS = 32

# A generator of our own, seeded by the system: nobody's random.seed() makes ids repeat. Ids are no secrets.
_bits = random.Random().getrandbits


class Context:
    """One request's id and its place in a trace: `span_id` is ours, `tracestate` as it came."""

    __slots__ = ("id", "sampled", "span_id", "trace_id", "tracestate")

    def __init__(self, id: str, trace_id: str, span_id: str, sampled: bool, tracestate: str | None) -> None:
        self.id, self.trace_id, self.span_id = id, trace_id, span_id
        self.sampled, self.tracestate = sampled, tracestate

    def headers(self) -> list[tuple[bytes, bytes]]:
        """What the answer says of it: X-Request-Id, traceparent, and tracestate when one came."""
        parent = f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"
        told = [(b"x-request-id", self.id.encode()), (b"traceparent", parent.encode())]
        if self.tracestate is not None:
            told.append((b"tracestate", self.tracestate.encode()))
        return told

    def lines(self) -> bytes:
        """The same as lines of an answer's head."""
        flag = "01" if self.sampled else "00"
        text = f"x-request-id: {self.id}\r\ntraceparent: 00-{self.trace_id}-{self.span_id}-{flag}\r\n"
        return (text if self.tracestate is None else f"{text}tracestate: {self.tracestate}\r\n").encode()

    def fields(self) -> dict[str, str]:
        """What a log line says of it."""
        found = {"request_id": self.id, "trace_id": self.trace_id, "span_id": self.span_id}
        return found if self.tracestate is None else {**found, "tracestate": self.tracestate}


def new_context() -> Context:
    """The context of a request that names neither itself nor a trace."""
    bits = _bits(192)
    trace_id = f"{bits >> 64 or 1:032x}"
    return Context(trace_id, trace_id, f"{bits & 0xFFFFFFFFFFFFFFFF or 1:016x}", False, None)


def context_of(scope: Mapping[str, Any]) -> Context:
    """The context of an ASGI request: its id and trace are taken over where they are well formed, else made.

    >>> context_of({"headers": [(b"x-request-id", b"order-17")]}).id
    'order-17'
    >>> parent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    >>> context_of({"headers": [(b"traceparent", parent)]}).trace_id
    '0af7651916cd43dd8448eb211c80319c'
    """
    wished = parent = None
    states = None
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            wished = value
        elif name == b"traceparent":
            parent = value if parent is None else b""  # two of them: neither is to be trusted
        elif name == b"tracestate":
            states = [value] if states is None else [*states, value]
    trace = None if parent is None else _read_parent(parent)
    span = f"{_bits(64) or 1:016x}"
    if trace is None:
        trace_id, sampled, state = f"{_bits(128) or 1:032x}", False, None
    else:
        trace_id, sampled = trace
        state = None if states is None else _read_state(states)
    if wished is not None and _ID.fullmatch(wished):
        name = wished.decode()
    else:  # one number to look up both by, unless the trace is another's and may hold many requests
        name = trace_id if trace is None else f"{_bits(128):032x}"
    return Context(name, trace_id, span, sampled, state)


def _read_parent(value: bytes) -> tuple[str, bool] | None:
    """Trace id and the sampled flag; None for what the specification calls invalid."""
    found = _PARENT.fullmatch(value.strip(b" \t"))
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == b"ff" or (version == b"00" and more is not None):
        return None
    if trace_id == b"0" * 32 or span_id == b"0" * 16:
        return None
    return trace_id.decode(), bool(int(flags, 16) & 1)


def _read_state(values: list[bytes]) -> str | None:
    """The vendors' part, several headers joined as one; None when it cannot be read, as the specification asks."""
    text = ",".join(value.decode("latin-1") for value in values)
    members = [one.strip(" \t") for one in text.split(",")]
    members = [one for one in members if one]
    if not members or len(text) > _MOST_STATE or len(members) > _MOST_MEMBERS:
        return None
    if not all(_MEMBER.fullmatch(one) for one in members):
        return None
    if len({one.partition("=")[0] for one in members}) != len(members):
        return None
    return text
