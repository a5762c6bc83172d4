"""JSON is strict, but for NaN; and nothing that is read breaks what comes later."""

from __future__ import annotations

import asyncio
import threading

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import PayloadError
from services.prediction.protocols.wire_json import off_loop, read_json


def test_nan_is_missing_and_infinity_a_number() -> None:
    assert read_json(b'{"a": [NaN, 1, Infinity, -Infinity, "NaN"]}') == {
        "a": [None, 1, float("inf"), float("-inf"), "NaN"]
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[NaN",
        b'"NaN \xff"',
        b'[NaN, "\\ud800"]',
        b"[NaN, " + b"9" * 30 + b"]",
        b"[NaN, " + b"9" * 5000 + b"]",
        b"[NaN, " + b"[" * 100_000,
    ],
)
def test_other_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(PayloadError, match="no JSON"):
        read_json(body)


@given(st.binary(max_size=60).map(lambda tail: b"[NaN, " + tail))
def test_whatever_comes_can_be_written_again(body: bytes) -> None:
    try:
        content = read_json(body)
    except PayloadError:
        return
    orjson.dumps(content)


def test_only_large_work_leaves_the_loop() -> None:
    here = threading.get_ident()

    async def both() -> tuple[int, int]:
        return await off_loop(10, threading.get_ident), await off_loop(1_000_000, threading.get_ident)

    small, large = asyncio.run(both())
    assert small == here
    assert large != here
