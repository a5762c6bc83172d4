"""The prediction log: every answer given, and the labels that join it later, in any order.

Append-only tables in one SQL database (SQLite or PostgreSQL): what the service scored together is one block, what
comes with ids of its own is rows (`stores/logbook/log_tables.py`). Of several labels for one prediction, the one that
became known last counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pipelines.core.errors import NotFound
from pipelines.stores.database import create_missing, open_database
from pipelines.stores.logbook.kept_blocks import count_rows, find_problems, find_rows, in_chunks
from pipelines.stores.logbook.log_appender import Appender, Entry
from pipelines.stores.logbook.log_entries import (
    WINDOW_COLUMNS,
    Label,
    LabelReceipt,
    LoggedPrediction,
    Rejected,
    as_utc,
    is_id,
    new_id,
    read_cell,
    window_frame,
    write_cell,
)
from pipelines.stores.logbook.log_labels import IN_ORDER
from pipelines.stores.logbook.log_tables import LABELS, METADATA, PREDICTIONS, translated
from pipelines.stores.logbook.log_traffic import Traffic, count_traffic
from pipelines.stores.logbook.log_windows import gather, newest_moment

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.core.contract import Contract
    from pipelines.core.watching.observed import Observed
    from pipelines.core.watching.view import View
    from pipelines.stores.logbook.log_memory import LogMemory

__all__ = [
    "WINDOW_COLUMNS",
    "Entry",
    "Label",
    "LabelReceipt",
    "LoggedPrediction",
    "PredictionLog",
    "Rejected",
    "new_id",
]


class PredictionLog:
    """The log behind one SQLAlchemy URL; the tables are made on first use. Safe to share among threads.

    Every method raises `Unavailable` when the database does not answer.
    """

    def __init__(self, url: str) -> None:
        self._engine: sa.Engine = open_database(url)
        with translated():
            create_missing(self._engine, METADATA)
        self._appender = Appender(self._engine)

    def close(self) -> None:
        """Give the database's connections back."""
        self._appender.close()
        self._engine.dispose()

    def append(self, entries: Sequence[Entry]) -> None:
        """All entries in one durable transaction: when this returns, they survive a kill."""
        self._appender.append(entries)

    def tidy(self) -> None:
        """To be called between two calls of `append` by whoever appends all day: it keeps the next one quick."""
        self._appender.tidy()

    def get(self, prediction_id: str) -> LoggedPrediction:
        """One answer by its id; NotFound when there is none."""
        with translated(), self._engine.connect() as connection:
            for block, places in find_rows(connection, [prediction_id]):
                return block.row(places[prediction_id])
            row = connection.execute(sa.select(PREDICTIONS).where(PREDICTIONS.c.id == prediction_id)).first()
        if row is None:
            raise NotFound(f"the prediction log holds no prediction {prediction_id[:100]!r}")
        values = dict(row._mapping)
        del values["moment"]
        for name in ("inputs", "history", "prediction", "probabilities"):
            values[name] = read_cell(values[name])
        return LoggedPrediction(**values)

    def labels(self, prediction_id: str) -> list[Label]:
        """Every label received for one prediction, in the order in which they became known: the last one counts."""
        query = sa.select(LABELS).where(LABELS.c.prediction_id == prediction_id).order_by(*IN_ORDER)
        with translated(), self._engine.connect() as connection:
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
        with translated(), self._engine.connect() as connection:
            owners = _owners(connection, [str(item["id"]) for item in items])
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
            with translated(), self._engine.begin() as connection:
                connection.execute(LABELS.insert(), kept)
        return receipt

    def window(
        self, problem: str, start: datetime, end: datetime, labels_as_of: datetime | None = None
    ) -> pd.DataFrame:
        """The predictions whose moment lies in [start, end), oldest first, each with the label that counts.

        Columns are WINDOW_COLUMNS; moments are datetime64[us] in UTC; `label` is None and `known_at` NaT
        where no label has come; with `labels_as_of` only labels known by then count.
        """
        known_by = None if labels_as_of is None else as_utc(labels_as_of)
        with translated(), self._engine.connect() as connection:
            return window_frame(gather(connection, problem, as_utc(start), as_utc(end), known_by))

    def view(
        self,
        problem: str,
        contract: Contract,
        history: Sequence[str],
        start: datetime,
        end: datetime,
        as_of: datetime,
        size: int,
    ) -> View:
        """The predictions whose moment lies in [start, end): exact counts over all, and a sample of `size` rows as the
        contract reads them, with the labels known at `as_of`.
        """
        from pipelines.stores.logbook.log_views import labelled_view, read_answered  # pandas: the service stays lean

        with translated(), self._engine.connect() as connection:
            answered = read_answered(connection, problem, contract, history, as_utc(start), as_utc(end), size)
            return labelled_view(connection, contract, answered, start, end, as_of)

    def look_back(
        self, memory: LogMemory, start: datetime, length: timedelta, windows: int, as_of: datetime
    ) -> list[Observed]:
        """What up to so many windows before `start` showed of the release that `memory` is about, oldest first."""
        with translated(), self._engine.connect() as connection:
            return memory.look_back(connection, start, length, windows, as_of)

    def counts(self, problem: str) -> dict[str, int]:
        """How many `predictions` the log holds of a problem, and how many of them are `labelled`."""
        rows = sa.select(sa.func.count()).where(PREDICTIONS.c.problem == problem)
        with translated(), self._engine.connect() as connection:
            predictions = connection.execute(rows).scalar_one() + count_rows(connection, problem)
            labelled = _labelled(connection, problem, sa.true())
        return {"predictions": predictions, "labelled": labelled}

    def new_labels(self, problem: str, since: datetime, until: datetime) -> int:
        """How many predictions of a problem have a label that became known in (since, until]."""
        known = (LABELS.c.known_at > as_utc(since)) & (LABELS.c.known_at <= as_utc(until))
        with translated(), self._engine.connect() as connection:
            return _labelled(connection, problem, known)

    def traffic(self, problem: str, start: datetime, end: datetime, step: timedelta) -> Traffic:
        """Rows whose moment lies in [start, end), by stretches of `step` from `start` on; empty ones are left out."""
        with translated(), self._engine.connect() as connection:
            return count_traffic(connection, problem, as_utc(start), as_utc(end), step)

    def last_moment(self, problem: str) -> datetime | None:
        """The newest moment that a prediction of this problem speaks of (UTC, no zone); None without any."""
        with translated(), self._engine.connect() as connection:
            return newest_moment(connection, problem)


def _owners(connection: sa.Connection, ids: Sequence[str]) -> dict[str, str]:
    """The problem of each id that the log knows."""
    ids = [one for one in ids if is_id(one)]
    found = find_problems(connection, ids)
    for chunk in in_chunks(one for one in ids if one not in found):
        query = sa.select(PREDICTIONS.c.id, PREDICTIONS.c.problem).where(PREDICTIONS.c.id.in_(chunk))
        found.update((row.id, row.problem) for row in connection.execute(query))
    return found


def _labelled(connection: sa.Connection, problem: str, which: sa.ColumnElement[bool]) -> int:
    """How many predictions of a problem have one of these labels."""
    query = sa.select(LABELS.c.prediction_id.distinct()).where(which).order_by(LABELS.c.prediction_id)
    ids = connection.execute(query).scalars().all()  # in order: those of one block come together
    return sum(owner == problem for owner in _owners(connection, ids).values())
