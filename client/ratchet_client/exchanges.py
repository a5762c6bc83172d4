"""One call from start to end, without the sending: what to send, when to wait, and what the answer means.

Each function is a generator that yields `Send` or `Wait` and is sent what came of it; what it returns is the result.
The sync and the async client differ in nothing but how they do the two things.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from ratchet_client.errors import RatchetClientError, Unavailable
from ratchet_client.refusals import refusal, silence
from ratchet_client.retrying import AGAIN, Retries, is_safe, retry_after

T = TypeVar("T")


@dataclass(frozen=True)
class Send:
    """Send this request; what comes back is the response, or why there is none."""

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Wait:
    """Let so many seconds pass."""

    seconds: float


Outcome = httpx.Response | httpx.TransportError | None
Exchange = Generator[Send | Wait, Outcome, T]


@dataclass(frozen=True)
class Call:
    """A request and how to go about it."""

    send: Send
    repeatable: bool = True
    """Whether serving it twice does no harm: a prediction served twice is in the log twice."""
    start: int = 0
    """Where in the caller's rows the request's rows begin."""


def exchange(call: Call, read: Callable[[Any], T], retries: Retries, url: str) -> Exchange[T]:
    """What `read` makes of the answer's JSON; the error that the answer stands for otherwise."""
    tries = 0
    while True:
        tries += 1
        outcome = yield call.send
        wait: float | None = None
        if isinstance(outcome, httpx.Response):
            if outcome.is_success:
                return _read(outcome, read)
            if outcome.status_code in AGAIN:
                wait = retries.wait(tries, retry_after(outcome.headers))
            error: RatchetClientError = refusal(outcome, call.start)
        else:
            assert outcome is not None
            if is_safe(outcome, call.repeatable):
                wait = retries.wait(tries)
            error = silence(outcome, url)
            error.__cause__ = outcome
        if wait is None:
            raise error
        yield Wait(wait)


def ready() -> Exchange[bool]:
    """Whether requests can be sent: one look."""
    outcome = yield Send("GET", "/readyz")
    return isinstance(outcome, httpx.Response) and outcome.is_success


def wait_until_ready(timeout: float, url: str) -> Exchange[None]:
    """Until requests can be sent; Unavailable when that takes longer than `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (yield from ready()):
        if time.monotonic() >= deadline:
            raise Unavailable(f"{url} was not ready within {timeout:g} s: see the service's log")
        yield Wait(0.1)


def _read(response: httpx.Response, read: Callable[[Any], T]) -> T:
    try:
        return read(response.json())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RatchetClientError(
            f"{response.url} answered something that is no answer of a Ratchet service: is the address right?",
            status=response.status_code,
        ) from error
