"""What the prediction log holds: answers, the labels that came for them, and windows of both as a frame."""

from __future__ import annotations

import os
import time as clock
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import pandas as pd

WINDOW_COLUMNS = [
    *("id", "version", "run_id", "at", "time", "moment", "inputs", "history"),
    *("prediction", "probabilities", "source", "label", "known_at"),
]

_VERSION = 0x7 << 76 | 0x2 << 62  # of a UUIDv7: its version and its variant
_FREE = ~(0xF << 76) & ~(0x3 << 62)


@dataclass(frozen=True, slots=True)
class LoggedPrediction:
    """One answer as it was given; `inputs`, `history` and `probabilities` are JSON objects (NaN is null)."""

    id: str
    problem: str
    version: int
    run_id: str
    at: datetime
    """When it was answered (UTC)."""
    time: datetime | None
    """The moment that the row speaks of, where the problem has a time column (UTC)."""
    inputs: Mapping[str, Any]
    prediction: Any
    probabilities: Mapping[str, float] | None = None
    history: Mapping[str, Any] | None = None
    """History features as they were joined when the row was scored."""
    source: str = "api"
    """Who asked: `api` or `batch`."""


@dataclass(frozen=True)
class Label:
    """One label as it was received."""

    label: Any
    known_at: datetime
    received_at: datetime


@dataclass(frozen=True)
class Rejected:
    """A label that was not taken; `position` counts from 0 in what was sent."""

    position: int
    id: str
    reason: str


@dataclass(frozen=True)
class LabelReceipt:
    """What became of the labels sent: ids accepted, and the others with the reason."""

    accepted: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


LogRow = tuple[Any, ...]
"""A row as the `predictions` table keeps it (see `row_values`): what a caller in a hurry hands in ready-made."""


def new_ids(count: int) -> list[str]:
    """Fresh prediction ids, UUIDv7 (RFC 9562): they sort by the millisecond they were made in.

    >>> first, second = new_ids(2)
    >>> len(first), first[14], first != second
    (36, '7', True)
    """
    stamp = (clock.time_ns() // 1_000_000) << 80
    noise = os.urandom(10 * count)
    ids = []
    for start in range(0, 10 * count, 10):
        value = (stamp | int.from_bytes(noise[start : start + 10], "big")) & _FREE | _VERSION
        text = f"{value:032x}"
        ids.append(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")
    return ids


def new_id() -> str:
    """One fresh prediction id."""
    return new_ids(1)[0]


def is_id(text: str) -> bool:
    """Whether a text can be an id at all; others need no look-up (PostgreSQL refuses a NUL in a text).

    >>> is_id(new_id()), is_id("x"), is_id("\\x00" * 36)
    (True, False, False)
    """
    return len(text) == 36 and text.isprintable()


def as_utc(moment: datetime) -> datetime:
    """The moment as UTC without a zone; a moment without a zone is taken for UTC.

    >>> as_utc(datetime(2013, 1, 1, tzinfo=UTC))
    datetime.datetime(2013, 1, 1, 0, 0)
    """
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def write_cell(value: Any) -> str:
    """A value as the log keeps it: JSON, NaN and infinity as null.

    >>> write_cell({"a": float("nan"), "b": True})
    '{"a":null,"b":true}'
    """
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS).decode()


def read_cell(text: str | None) -> Any:
    """What `write_cell` wrote; None for an empty cell."""
    return None if text is None else orjson.loads(text)


def row_values(row: LoggedPrediction) -> tuple[Any, ...]:
    """The row as the `predictions` table keeps it, in the order of its columns."""
    at, time = _stamp(row.at), None if row.time is None else _stamp(row.time)
    return (
        *(row.id, row.problem, row.version, row.run_id, at, time, time or at, write_cell(row.inputs)),
        None if row.history is None else write_cell(row.history),
        write_cell(row.prediction),
        None if row.probabilities is None else write_cell(row.probabilities),
        row.source,
    )


def _stamp(moment: datetime) -> str:
    """How SQLAlchemy keeps a moment in SQLite; PostgreSQL reads the same text."""
    return as_utc(moment).isoformat(" ", "microseconds")


def window_frame(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """Rows of the log as a frame with WINDOW_COLUMNS: moments datetime64[us], JSON cells as objects."""
    import pandas as pd  # only monitoring needs it: the service's path stays lean

    found: dict[str, Sequence[Any]] = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}
    frame: dict[str, pd.Series] = {}
    for name in WINDOW_COLUMNS:
        values = list(found.get(name, ()))
        if name in ("at", "time", "moment", "known_at"):
            frame[name] = pd.Series(values, dtype="datetime64[us]")
        elif name == "version":
            frame[name] = pd.Series(values, dtype="int64")
        elif name in ("id", "run_id", "source"):
            frame[name] = pd.Series(values, dtype=object)
        else:
            frame[name] = pd.Series([read_cell(value) for value in values], dtype=object)
    return pd.DataFrame(frame)
