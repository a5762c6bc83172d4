"""The prediction log: every answer given, and the labels that join it later, in any order.

Append-only tables in one SQL database (SQLite or PostgreSQL): what the service scored together is one block, what
comes with ids of its own is rows (`stores/sql/log_tables.py`). Of several labels for one prediction, the one that
became known last counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pipelines.core.errors import NotFound
from pipelines.core.settings import Settings
from pipelines.stores.logbook.archive import Archive, archive_of, open_archive, steady, with_archive
from pipelines.stores.logbook.kept_blocks import count_rows, find_rows
from pipelines.stores.logbook.log_appender import Appender, Entry
from pipelines.stores.logbook.log_entries import (
    WINDOW_COLUMNS,
    Label,
    LabelReceipt,
    LoggedPrediction,
    Rejected,
    as_utc,
    new_id,
    read_cell,
    window_frame,
    write_cell,
)
from pipelines.stores.logbook.log_owners import find_labelled, find_owners, find_sealed
from pipelines.stores.logbook.log_traffic import Traffic, count_traffic
from pipelines.stores.logbook.log_windows import gather, newest_moment
from pipelines.stores.logbook.logged_again import logged_again
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.log_tables import LABELS, PREDICTIONS, translated
from pipelines.stores.sql.schema import ensure_schema
from pipelines.stores.sql.segment_tables import Segment, list_segments

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
    "open_log",
]


def open_log(settings: Settings) -> PredictionLog:
    """The log of these settings, with the archive of what was sealed."""
    return PredictionLog(settings.database, open_archive(settings))


class PredictionLog:
    """The log behind one SQLAlchemy URL; the tables are made on first use. Safe to share among threads.

    Every method raises `Unavailable` when the database does not answer. What was sealed is read from the `archive`;
    without one, whatever needs it raises Unavailable.
    """

    def __init__(self, url: str, archive: Archive | None = None) -> None:
        self._engine: sa.Engine = with_archive(open_database(url), archive)
        ensure_schema(self._engine)
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
            sealed = None if row is not None else find_sealed(connection, [prediction_id]).get(prediction_id)
        if row is None and sealed is None:
            raise NotFound(f"the prediction log holds no prediction {prediction_id[:100]!r}")
        values = dict(row._mapping) if row is not None else {} if sealed is None else sealed._asdict()
        for name in ("moment", "in_block", "labels"):
            values.pop(name, None)
        for name in ("inputs", "history", "prediction", "probabilities"):
            values[name] = read_cell(values[name])
        return LoggedPrediction(**values)

    def labels(self, prediction_id: str) -> list[Label]:
        """Every label received for one prediction, in the order in which they became known: the last one counts."""
        query = sa.select(LABELS.c.seq, LABELS.c.label, LABELS.c.known_at, LABELS.c.received_at)
        query = query.where(LABELS.c.prediction_id == prediction_id)
        with translated(), self._engine.connect() as connection:
            found: dict[int, Any] = {row.seq: row for row in connection.execute(query)}
            for sealed in find_sealed(connection, [prediction_id]).values():
                found |= {one.seq: one for one in sealed.labels}
        rows = sorted(found.values(), key=lambda row: (row.known_at, row.seq))
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
            owners = find_owners(connection, [str(item["id"]) for item in items])
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
            span = (as_utc(start), as_utc(end))
            return window_frame(steady(connection, problem, lambda: gather(connection, problem, *span, known_by), span))

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

        span = (as_utc(start), as_utc(end))
        with translated(), self._engine.connect() as connection:

            def read() -> View:
                answered = read_answered(connection, problem, contract, history, *span, size)
                return labelled_view(connection, contract, answered, start, end, as_of)

            return steady(connection, problem, read, span)

    def look_back(
        self, memory: LogMemory, start: datetime, length: timedelta, windows: int, as_of: datetime
    ) -> list[Observed]:
        """What up to so many windows before `start` showed of the release that `memory` is about, oldest first."""
        with translated(), self._engine.connect() as connection:
            back = (connection, start, length, windows, as_of)
            span = (as_utc(start) - windows * length, as_utc(start))
            return steady(connection, memory.problem, lambda: memory.look_back(*back), span)

    def counts(self, problem: str) -> dict[str, int]:
        """How many `predictions` the log holds of a problem, and how many of them are `labelled`."""
        with translated(), self._engine.connect() as connection:

            def read() -> dict[str, int]:
                rows = sa.select(sa.func.count()).where(PREDICTIONS.c.problem == problem)
                segments = list_segments(connection, problem)
                predictions = connection.execute(rows).scalar_one() + count_rows(connection, problem)
                predictions -= len(logged_again(connection, problem))
                live, late = find_labelled(connection, problem, sa.true())
                labelled = live + sum(one.labelled for one in segments) + sum(not one.labels for one in late)
                return {"predictions": predictions + sum(one.rows for one in segments), "labelled": labelled}

            return steady(connection, problem, read)

    def new_labels(self, problem: str, since: datetime, until: datetime) -> int:
        """How many predictions of a problem have a label that became known in (since, until]."""
        first, last = as_utc(since), as_utc(until)
        with translated(), self._engine.connect() as connection:

            def read() -> int:
                known = (LABELS.c.known_at > first) & (LABELS.c.known_at <= last)
                live, late = find_labelled(connection, problem, known)
                archive = archive_of(connection)
                if archive is None:
                    return live
                sealed, counted = archive.newly_labelled(connection, problem, first, last, {one.id for one in late})
                return live + sealed + len(late) - counted

            return steady(connection, problem, read)

    def traffic(self, problem: str, start: datetime, end: datetime, step: timedelta) -> Traffic:
        """Rows whose moment lies in [start, end), by stretches of `step` from `start` on; empty ones are left out."""
        with translated(), self._engine.connect() as connection:
            span = (as_utc(start), as_utc(end))
            return steady(connection, problem, lambda: count_traffic(connection, problem, *span, step), span)

    def segments(self) -> list[Segment]:
        """The sealed segments of all problems, by their moments."""
        with translated(), self._engine.connect() as connection:
            return list_segments(connection)

    def last_moment(self, problem: str) -> datetime | None:
        """The newest moment that a prediction of this problem speaks of (UTC, no zone); None without any."""
        with translated(), self._engine.connect() as connection:
            return newest_moment(connection, problem)
