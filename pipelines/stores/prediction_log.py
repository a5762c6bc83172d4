"""The prediction log: every answer given, and the labels that join it later, in any order.

Two append-only tables in one SQL database (SQLite or PostgreSQL). Moments are kept in UTC without a zone.
Of several labels for one prediction, the one received last counts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from pipelines.core.errors import NotFound, Unavailable
from pipelines.stores.database import create_missing, open_database
from pipelines.stores.log_entries import (
    WINDOW_COLUMNS,
    Label,
    LabelReceipt,
    LoggedPrediction,
    LogRow,
    Rejected,
    as_utc,
    is_id,
    new_id,
    read_cell,
    row_values,
    window_frame,
    write_cell,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "WINDOW_COLUMNS",
    "Label",
    "LabelReceipt",
    "LoggedPrediction",
    "PredictionLog",
    "Rejected",
    "new_id",
]

_AT_ONCE = 128  # rows in one INSERT statement
_CHUNK = 500  # ids per query: the smallest limit on bound variables of the databases in use is 999

_metadata = sa.MetaData()
_predictions = sa.Table(
    "predictions",
    _metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("problem", sa.String(63), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("run_id", sa.String(64), nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("time", sa.DateTime),
    sa.Column("moment", sa.DateTime, nullable=False),  # time where there is one, else at: what windows go by
    sa.Column("inputs", sa.Text, nullable=False),
    sa.Column("history", sa.Text),
    sa.Column("prediction", sa.Text, nullable=False),
    sa.Column("probabilities", sa.Text),
    sa.Column("source", sa.String(32), nullable=False),
    sa.Index("predictions_by_moment", "problem", "moment"),
)
_labels = sa.Table(
    "labels",
    _metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("prediction_id", sa.String(36), nullable=False),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("known_at", sa.DateTime, nullable=False),
    sa.Column("received_at", sa.DateTime, nullable=False),
    sa.Index("labels_by_prediction", "prediction_id", "seq"),
)


class PredictionLog:
    """The log behind one SQLAlchemy URL; the tables are made on first use. Safe to share among threads.

    Every method raises `Unavailable` when the database does not answer.
    """

    def __init__(self, url: str) -> None:
        self._engine: sa.Engine = open_database(url)
        with _translated():
            create_missing(self._engine, _metadata)
        mark = "?" if self._engine.dialect.paramstyle == "qmark" else "%s"
        self._appender: Any = None  # the connection that rows are appended by
        self._appending = threading.Lock()
        names = [f'"{column.name}"' for column in _predictions.columns]
        self._insert = f"INSERT INTO predictions ({', '.join(names)}) VALUES "
        self._row = f"({', '.join([mark] * len(names))})"

    def close(self) -> None:
        """Give the database's connections back."""
        with self._appending:
            if self._appender is not None:
                self._appender.close()
                self._appender = None
        self._engine.dispose()

    def append(self, rows: Sequence[LoggedPrediction | LogRow]) -> None:
        """All rows in one durable transaction: when this returns, they survive a kill."""
        values = [row if type(row) is tuple else row_values(row) for row in rows]  # type: ignore[arg-type]
        with self._appending:
            kept = self._appender is not None
            for last in (True,) if not kept else (False, True):  # a connection that stayed may have been cut long ago
                try:
                    self._insert_all(values)
                    return
                except self._engine.dialect.loaded_dbapi.Error as error:
                    self._let_go()
                    if last:
                        raise Unavailable(f"the prediction log takes no rows ({error}): check the database") from error
                except Exception:  # a cell that the driver cannot write: nothing of these rows may stay
                    self._let_go()
                    raise

    def _insert_all(self, values: list[LogRow]) -> None:
        """On one connection that stays, many rows to a statement: with a statement for each row the driver lets go of
        the interpreter's lock once a row, and a busy event loop is slow to give it back.
        """
        if self._appender is None:
            with _translated():
                self._appender = self._engine.raw_connection()
        cursor = self._appender.cursor()
        first = 0
        while left := len(values) - first:
            size = min(1 << left.bit_length() - 1, _AT_ONCE)  # powers of two: few statements to prepare
            cells = [cell for row in values[first : first + size] for cell in row]
            cursor.execute(self._insert + ", ".join([self._row] * size), cells)
            first += size
        self._appender.commit()

    def _let_go(self) -> None:
        connection, self._appender = self._appender, None
        if connection is not None:
            with suppress(self._engine.dialect.loaded_dbapi.Error):  # it may be cut
                connection.rollback()  # the lock on the database goes with it
            connection.invalidate()

    def get(self, prediction_id: str) -> LoggedPrediction:
        """One answer by its id; NotFound when there is none."""
        with _translated(), self._engine.connect() as connection:
            row = connection.execute(sa.select(_predictions).where(_predictions.c.id == prediction_id)).first()
        if row is None:
            raise NotFound(f"the prediction log holds no prediction {prediction_id[:100]!r}")
        values = dict(row._mapping)
        del values["moment"]
        for name in ("inputs", "history", "prediction", "probabilities"):
            values[name] = read_cell(values[name])
        return LoggedPrediction(**values)

    def labels(self, prediction_id: str) -> list[Label]:
        """Every label received for one prediction, in the order received: the last one counts."""
        query = sa.select(_labels).where(_labels.c.prediction_id == prediction_id).order_by(_labels.c.seq)
        with _translated(), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [Label(read_cell(row.label), row.known_at, row.received_at) for row in rows]

    def add_labels(
        self, problem: str, items: Sequence[Mapping[str, Any]], now: datetime, check: Callable[[Any], Any]
    ) -> LabelReceipt:
        """Keep labels `{"id", "label", "known_at"?}` of this problem's predictions; says which and why not.

        `check` gives the label as it is kept, or raises ValueError with the reason. `known_at` (a datetime)
        defaults to `now`. Those accepted are durable when this returns.
        """
        receipt, kept = LabelReceipt(), []
        owners = self._owners([str(item["id"]) for item in items])
        for position, item in enumerate(items):
            name = str(item["id"])
            try:
                if owners.get(name) != problem:
                    raise ValueError(f"no prediction of {problem} has this id")
                label = check(item["label"])
            except ValueError as error:
                receipt.rejected.append(Rejected(position, name, str(error)))
                continue
            moments = {"known_at": as_utc(item.get("known_at") or now), "received_at": as_utc(now)}
            kept.append({"prediction_id": name, "label": write_cell(label), **moments})
            receipt.accepted.append(name)
        if kept:
            with _translated(), self._engine.begin() as connection:
                connection.execute(_labels.insert(), kept)
        return receipt

    def window(
        self, problem: str, start: datetime, end: datetime, labels_as_of: datetime | None = None
    ) -> pd.DataFrame:
        """The predictions whose moment lies in [start, end), oldest first, each with the label that counts.

        Columns are WINDOW_COLUMNS; moments are datetime64[us] in UTC; `label` is None and `known_at` NaT
        where no label has come; with `labels_as_of` only labels known by then count.
        """
        newest = sa.select(sa.func.max(_labels.c.seq)).where(_labels.c.prediction_id == _predictions.c.id)
        if labels_as_of is not None:
            newest = newest.where(_labels.c.known_at <= as_utc(labels_as_of))
        query = (
            sa.select(_predictions, _labels.c.label, _labels.c.known_at)
            .outerjoin(_labels, _labels.c.seq == newest.correlate(_predictions).scalar_subquery())
            .where(_predictions.c.problem == problem)
            .where(_predictions.c.moment >= as_utc(start), _predictions.c.moment < as_utc(end))
            .order_by(_predictions.c.moment, _predictions.c.id)
        )
        with _translated(), self._engine.connect() as connection:
            result = connection.execute(query)
            return window_frame(list(result.keys()), result.all())

    def counts(self, problem: str) -> dict[str, int]:
        """How many `predictions` the log holds of a problem, and how many of them are `labelled`."""
        labelled = sa.exists().where(_labels.c.prediction_id == _predictions.c.id)
        rows = sa.select(sa.func.count()).where(_predictions.c.problem == problem)
        with _translated(), self._engine.connect() as connection:
            both = [connection.execute(query).scalar_one() for query in (rows, rows.where(labelled))]
        return {"predictions": both[0], "labelled": both[1]}

    def new_labels(self, problem: str, since: datetime, until: datetime) -> int:
        """How many predictions of a problem have a label that became known in (since, until]."""
        query = (
            sa.select(sa.func.count(_labels.c.prediction_id.distinct()))
            .join(_predictions, _predictions.c.id == _labels.c.prediction_id)
            .where(_predictions.c.problem == problem)
            .where(_labels.c.known_at > as_utc(since), _labels.c.known_at <= as_utc(until))
        )
        with _translated(), self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def last_moment(self, problem: str) -> datetime | None:
        """The newest moment that a prediction of this problem speaks of (UTC, no zone); None without any."""
        query = sa.select(sa.func.max(_predictions.c.moment)).where(_predictions.c.problem == problem)
        with _translated(), self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def _owners(self, ids: Sequence[str]) -> dict[str, str]:
        """The problem of each id that the log knows."""
        found: dict[str, str] = {}
        ids = [one for one in ids if is_id(one)]
        with _translated(), self._engine.connect() as connection:
            for first in range(0, len(ids), _CHUNK):
                some = _predictions.c.id.in_(ids[first : first + _CHUNK])
                rows = connection.execute(sa.select(_predictions.c.id, _predictions.c.problem).where(some))
                found.update((row.id, row.problem) for row in rows)
        return found


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise Unavailable(f"the prediction log's database does not answer ({error.orig}): check it") from error
