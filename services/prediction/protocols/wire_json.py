"""JSON as clients of other servers send it: strict and fast first; NaN, as Python's `json` writes it, is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson

from pipelines.core.errors import PayloadError
from services.prediction import payloads
from services.prediction.payloads import T

_LARGE = 50_000  # bytes: a body beyond it is read in a thread, so that others do not wait for it
_CONSTANTS = {"NaN": None, "Infinity": float("inf"), "-Infinity": float("-inf")}


def read_json(body: bytes | memoryview) -> Any:
    """What the body says; PayloadError when it is no JSON.

    NaN is no JSON, but clients in Python send it for a missing number: it is read as null. Infinity stays a number,
    so that the contract can refuse it.

    >>> read_json(b'[1, NaN, "NaN"]')
    [1, None, 'NaN']
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raw = bytes(body)
        if b"NaN" not in raw and b"Infinity" not in raw:
            raise _no_json(error) from None
    try:
        content = json.loads(raw, parse_constant=_CONSTANTS.__getitem__)
        orjson.dumps(content)  # half characters and endless numbers: what could not be answered or logged later
    except (ValueError, TypeError, RecursionError) as error:
        raise _no_json(error) from None
    return content


async def off_loop(size: int, work: Callable[[], T]) -> T:
    """What `work` gives, in a thread when the body is so large that other requests would wait."""
    return await payloads.off_loop(size > _LARGE, work)


def _no_json(error: Exception) -> PayloadError:
    if isinstance(error, json.JSONDecodeError):
        return PayloadError(f"the body is no JSON ({error.msg} at character {error.pos})")
    return PayloadError("the body is no JSON that can be read")
