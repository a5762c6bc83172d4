"""From the bytes of a request to rows and labels: bad input gets no further."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import orjson

from pipelines.core.errors import Issue, PayloadError
from pipelines.core.values import to_datetime

ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
T = TypeVar("T")


class TooManyRows(PayloadError):
    """More rows than one request may carry."""


@dataclass(frozen=True)
class LabelPayload:
    """Labels that can be looked up, each with its position in the request, and those that cannot."""

    items: list[dict[str, Any]] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)


def read_instances(body: bytes, most: int) -> list[Any]:
    """The rows of `{"instances": [...]}`, at least one and at most `most`, each still to be checked.

    >>> read_instances(b'{"instances": [{"a": 1}]}', 10)
    [{'a': 1}]
    """
    return _read_list(body, "instances", most)


def read_labels(body: bytes, most: int) -> LabelPayload:
    """The items of `{"labels": [{"id", "label", "known_at"?}]}`; a malformed item does not spoil the others.

    >>> read_labels(b'{"labels": [{"id": "a", "label": 1}, 3]}', 10).rejected
    [{'row': 1, 'id': None, 'reason': 'expected an object with id and label'}]
    """
    payload = LabelPayload()
    for position, item in enumerate(_read_list(body, "labels", most)):
        name = item.get("id") if isinstance(item, dict) else None
        try:
            payload.items.append(_read_label(item))
            payload.positions.append(position)
        except ValueError as error:
            shown = name if isinstance(name, str) else None
            payload.rejected.append({"row": position, "id": shown, "reason": str(error)})
    return payload


def refuse_issues(issues: tuple[Issue, ...]) -> PayloadError:
    """The error of a request whose rows break the contract.

    >>> refuse_issues((Issue(0, "a", "expected a number"),)).args
    ("row 0, feature 'a': expected a number",)
    """
    first = issues[0]
    where = f"row {first.row}, feature {first.feature!r}" if first.feature else f"row {first.row}"
    more = f" (and {len(issues) - 1} more)" if len(issues) > 1 else ""
    return PayloadError(f"{where}: {first.message}{more}", issues)


async def off_loop(much: bool, work: Callable[[], T]) -> T:
    """What `work` gives, in a thread when there is so much of it that other requests would wait."""
    return await asyncio.to_thread(work) if much else work()


def media_of(header: str) -> str:
    """The bare media type of a Content-Type header.

    >>> media_of("Application/JSON; charset=utf-8")
    'application/json'
    """
    return header.partition(";")[0].strip().lower()


def _read_list(body: bytes, name: str, most: int) -> list[Any]:
    shape = f'expected an object {{"{name}": [...]}}'
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        hint = "; NaN and Infinity are no JSON: send null" if "expected a JSON value" in error.msg else ""
        raise PayloadError(f"the body is no JSON ({error.msg} at character {error.pos}){hint}") from None
    if not isinstance(content, Mapping):
        raise PayloadError(f"{shape}, got {_kind(content)}")
    if name not in content or len(content) > 1:
        others = sorted(set(content) - {name})
        unknown = f"; unknown key {others[0][:100]!r}" if others else ""
        raise PayloadError(f"{shape}{unknown}")
    rows = content[name]
    if not isinstance(rows, list):
        raise PayloadError(f"{shape}, but {name!r} is {_kind(rows)}")
    if not rows:
        raise PayloadError(f"{name!r} is empty: send at least one")
    if len(rows) > most:
        raise TooManyRows(f"{len(rows)} {name} in one request are too many: send at most {most} at a time")
    return rows


def _read_label(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict) or "label" not in item or not isinstance(item.get("id"), str):
        raise ValueError("expected an object with id and label")
    unknown = sorted(set(item) - {"id", "label", "known_at"})
    if unknown:
        raise ValueError(f"unknown key {unknown[0][:100]!r}: expected id, label and known_at")
    known_at = item.get("known_at")
    if known_at is None:
        return {"id": item["id"], "label": item["label"]}
    moment = to_datetime(known_at).item() if isinstance(known_at, str) else None
    if not isinstance(moment, datetime):
        raise ValueError("known_at: expected a time such as 2013-01-31T18:00:00Z")
    return {"id": item["id"], "label": item["label"], "known_at": moment}


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
