"""The body of a request, read within its limits: so many bytes, in so many seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping
from types import coroutine
from typing import Any

from starlette.requests import ClientDisconnect

from services.prediction.refusals import Refusal

Receive = Callable[[], Awaitable[Any]]


async def read_body(receive: Receive, headers: Mapping[str, str], most: int, seconds: float) -> bytes:
    """The whole body; raises Refusal 413 beyond `most` bytes, 408 after `seconds`, 400 for a length that is none.

    `headers` have lower-case names. A length that is stated is checked before a byte is read, so a client that
    waits for `100 Continue` never sends what would be refused. ClientDisconnect when the client goes away.
    """
    stated = headers.get("content-length")
    if stated is not None:
        _check_length(stated, most)
    # Nearly every body is here before the request is: then no timer is started (that would cost 5 us).
    steps = receive().__await__()
    try:
        waiting = next(steps)
    except StopIteration as done:
        message = done.value
        if message["type"] == "http.request" and not message.get("more_body", False):
            return _within(message.get("body", b""), most)
        first = _given(message)
    else:
        first = _resumed(steps, waiting)
    try:
        async with asyncio.timeout(seconds):
            return await _gather(await first, receive, most)
    except TimeoutError:
        detail = f"the request was not complete within {seconds:g} seconds: send it faster, or less at a time"
        raise Refusal(408, "too-slow", "The request took too long to arrive", detail) from None


def _check_length(stated: str, most: int) -> None:
    if not (stated.isascii() and stated.isdigit()) or len(stated) > 18:
        raise Refusal(400, "bad-length", "Content-Length is no length", "send Content-Length as a number of bytes")
    if int(stated) > most:
        raise _too_large(most)


def _within(body: bytes, most: int) -> bytes:
    if len(body) > most:
        raise _too_large(most)
    return body


def _too_large(most: int) -> Refusal:
    detail = f"a request may carry {most} bytes (RATCHET_MAX_BODY): send fewer rows at a time"
    return Refusal(413, "too-large", "The request is too large", detail)


async def _gather(message: Any, receive: Receive, most: int) -> bytes:
    parts, size = [], 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()


async def _given(message: Any) -> Any:
    return message


@coroutine
def _resumed(steps: Generator[Any, None, Any], waiting: Any) -> Generator[Any, None, Any]:
    """What `steps` gives in the end, after it has already said what it waits for."""
    try:
        yield waiting
    except BaseException:  # cancelled, mostly by the deadline: what we drive must end too
        steps.close()
        raise
    return (yield from steps)
