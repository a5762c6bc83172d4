"""What the prediction log holds: answers, the labels that came for them, and windows of both as a frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from pipelines.stores.logbook.prediction_ids import is_id, new_id

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "WINDOW_COLUMNS",
    "Label",
    "LabelReceipt",
    "LoggedPrediction",
    "Rejected",
    "as_utc",
    "is_id",
    "new_id",
    "read_cell",
    "row_values",
    "window_frame",
    "write_cell",
]

WINDOW_COLUMNS = [
    *("id", "version", "run_id", "at", "time", "moment", "inputs", "history"),
    *("prediction", "probabilities", "source", "label", "known_at"),
]


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


def window_frame(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Columns of the log as a frame with WINDOW_COLUMNS: moments datetime64[us], cells as objects."""
    import pandas as pd  # only monitoring needs it: the service's path stays lean

    frame: dict[str, pd.Series] = {}
    for name in WINDOW_COLUMNS:
        values = columns.get(name, [])
        if name in ("at", "time", "moment", "known_at"):
            frame[name] = pd.Series(values, dtype="datetime64[us]")
        else:
            frame[name] = pd.Series(values, dtype="int64" if name == "version" else object)
    return pd.DataFrame(frame)
