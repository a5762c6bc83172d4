"""A head that was read once is known again by its bytes alone, and only where the whole request is there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.prediction.doors import Asked, Reply
from services.prediction.known_heads import KnownHead
from services.prediction.paths import Found, Way


async def door(_: Any, __: Asked) -> Reply:
    return Reply(b"")


FOUND = Found(Way("POST", "/p", "predict", door), "loans", None, ("p",))
SCOPE = {"method": "POST", "headers": [(b"host", b"x"), (b"content-length", b"7"), (b"x-api-key", b"rk_a_b")]}


def sent(body: bytes, size: object = None, before: str = "Host: x\r\nContent-Length: ", after: str = "") -> bytes:
    head = f"POST /p HTTP/1.1\r\n{before}{len(body) if size is None else size}\r\n{after}X-API-Key: rk_a_b\r\n\r\n"
    return head.encode() + body


@pytest.fixture
def head() -> KnownHead:
    found = KnownHead.learn(sent(b"1234567"), SCOPE, FOUND)
    assert found is not None
    return found


def test_it_keeps_what_was_read(head: KnownHead) -> None:
    assert (head.found, head.scope, head.named) == (FOUND, SCOPE, False)
    assert head.credential is not None
    assert head.credential.ours
    named = KnownHead.learn(sent(b"1"), {"headers": [(b"traceparent", b"00-1")]}, FOUND)
    assert named is not None
    assert (named.named, named.credential) == (True, None)


@given(st.binary(min_size=1, max_size=300))
def test_the_body_of_the_same_head_is_read_whatever_its_size(body: bytes) -> None:
    found = KnownHead.learn(sent(b"1234567"), SCOPE, FOUND)
    assert found is not None
    assert found.body(sent(body)) == body


@pytest.mark.parametrize(
    "other",
    [
        b"",
        b"POST",
        sent(b"{}")[:-1],  # not all of it
        sent(b"{}") + b"P",  # and the beginning of the next
        sent(b"{}") + sent(b"{}"),
        sent(b"{}", 3),
        sent(b"{}", ""),
        sent(b"{}", "+2"),
        sent(b"{}", "2 "),
        sent(b"{}", "²"),
        sent(b"{}", "0000002"),
        sent(b"{}", "2\r\nContent-Length: 2"),
        sent(b"{}", before="Host: y\r\nContent-Length: "),
        sent(b"{}", after="Traceparent: 00-1\r\n"),
        sent(b"{}").replace(b"POST", b"PUT"),
        sent(b"{}").replace(b"rk_a_b", b"rk_a_c"),
    ],
)
def test_anything_else_is_none_of_its(head: KnownHead, other: bytes) -> None:
    assert head.body(other) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"POST /p HTTP/1.1\r\nHost: x\r\n\r\n",
        sent(b"{}") + sent(b"{}"),
        sent(b"{}")[:-1],
        sent(b"{}", "2\r\nContent-Length: 2"),
        sent(b"{}", "two"),
        b"\r\n\r\n" + sent(b"{}"),
    ],
)
def test_a_head_that_is_not_plain_is_not_learnt(data: bytes) -> None:
    assert KnownHead.learn(data, SCOPE, FOUND) is None
