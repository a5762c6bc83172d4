"""What a trial leaves behind: what the challenger said in shadow, the counts of each process, and the labels.

Shadow predictions carry the id of the answer that was given, so labels of the answer count for them too. They are
no answers: a power cut may cost the last second of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pipelines.stores.database import create_missing, open_database
from pipelines.stores.ledger_tables import Moment
from pipelines.stores.log_entries import as_utc, read_cell, write_cell
from pipelines.stores.rollouts import answering

_LOOK = 5_000  # labels at a time
_OVERLAP = 200  # labels read again: with PostgreSQL a smaller number can become visible after a larger one

_metadata = sa.MetaData()
_shadows = sa.Table(
    "shadow_predictions",
    _metadata,
    sa.Column("id", sa.String(36), primary_key=True),  # of the answer that was given
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("problem", sa.String(63), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("prediction", sa.Text, nullable=False),
    sa.Column("probabilities", sa.Text),
    sa.Column("seconds", sa.Float, nullable=False),
)
_tallies = sa.Table(
    "trial_tallies",
    _metadata,
    sa.Column("trial", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("worker", sa.String(32), primary_key=True),
    sa.Column("counts", sa.JSON, nullable=False),
    sa.Column("at", Moment, nullable=False),
)
_predictions = sa.table(
    "predictions",
    *(sa.column(name) for name in ("id", "problem", "version", "run_id", "source", "prediction", "probabilities")),
    sa.column("at", sa.DateTime),
)
_labels = sa.table("labels", *(sa.column(name) for name in ("seq", "prediction_id", "label")))


@dataclass(frozen=True)
class ShadowPrediction:
    """What the challenger says of one row that the champion answered; `seconds`: its time for this row."""

    id: str
    problem: str
    version: int
    run_id: str
    at: datetime
    prediction: Any
    probabilities: Mapping[str, float] | None
    seconds: float


@dataclass(frozen=True)
class Said:
    """What one release said of one row."""

    run_id: str
    prediction: Any
    probabilities: dict[str, float] | None


@dataclass(frozen=True)
class Labelled:
    """One answer with the label that came for it and, where there is one, the challenger's word in shadow."""

    id: str
    label: Any
    answered: Said
    shadow: Said | None = None


@dataclass
class Look:
    """Labels that came since the last look; `cursor` is where the next one starts."""

    found: list[Labelled] = field(default_factory=list)
    cursor: int = 0
    more: bool = False


class TrialLog:
    """The tables behind one SQLAlchemy URL, made on first use; every method may raise Unavailable."""

    def __init__(self, url: str) -> None:
        self._engine: sa.Engine = open_database(url)
        with answering():
            create_missing(self._engine, _metadata)

    def close(self) -> None:
        """Give the database's connections back."""
        self._engine.dispose()

    def keep_shadows(self, rows: Sequence[ShadowPrediction]) -> None:
        """Write down what the challenger said, cheaply: the answers' own commits come first."""
        values = [
            {
                **{name: getattr(row, name) for name in ("id", "run_id", "problem", "version", "seconds")},
                "at": as_utc(row.at),
                "prediction": write_cell(row.prediction),
                "probabilities": None if row.probabilities is None else write_cell(row.probabilities),
            }
            for row in rows
        ]
        with answering(), self._engine.connect() as connection:
            if self._engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA synchronous=NORMAL")  # no fsync: see above
            connection.execute(_shadows.insert(), values)
            connection.commit()

    def keep_tally(self, trial: int, worker: str, counts: Mapping[str, Any], at: datetime) -> None:
        """What a process has counted so far in a trial; its earlier word is replaced."""
        ours = (_tallies.c.trial == trial) & (_tallies.c.worker == worker)
        values = {"counts": dict(counts), "at": at}
        with answering(), self._engine.begin() as connection:
            if connection.execute(_tallies.update().where(ours).values(values)).rowcount:
                return
            connection.execute(_tallies.insert().values(trial=trial, worker=worker, **values))

    def tallies(self, trial: int) -> list[dict[str, Any]]:
        """What every process has counted in a trial."""
        query = sa.select(_tallies.c.counts).where(_tallies.c.trial == trial)
        with answering(), self._engine.connect() as connection:
            return [row.counts for row in connection.execute(query)]

    def last_label(self) -> int:
        """Where the labels end now: a trial looks only at what comes later. 0 before there is a log."""
        with answering(), self._engine.connect() as connection:
            if not sa.inspect(connection).has_table("labels"):
                return 0
            return int(connection.execute(sa.select(sa.func.max(_labels.c.seq))).scalar_one() or 0)

    def labelled(self, problem: str, run_id: str, since: datetime, after: int) -> Look:
        """Answers since a moment whose labels came after `after`, oldest label first, a few thousand at a time.

        `run_id` is the challenger's. Answers of batch scoring are no part of a trial. An id may come twice: with a
        label that was corrected, or at the seam of two looks.
        """
        with answering(), self._engine.connect() as connection:
            if not sa.inspect(connection).has_table("labels"):
                return Look()
            last = connection.execute(sa.select(sa.func.max(_labels.c.seq))).scalar_one() or 0
            until = min(last, after + _LOOK)
            columns = [_predictions.c[name] for name in ("id", "run_id", "prediction", "probabilities")]
            shadow = [_shadows.c[name].label(f"shadow_{name}") for name in ("run_id", "prediction", "probabilities")]
            joined = (_shadows.c.id == _predictions.c.id) & (_shadows.c.run_id == run_id)
            query = (
                sa.select(*columns, *shadow, _labels.c.label)
                .select_from(_labels)
                .join(_predictions, _predictions.c.id == _labels.c.prediction_id)
                .outerjoin(_shadows, joined)
                .where(_labels.c.seq > max(after - _OVERLAP, 0), _labels.c.seq <= until)
                .where(_predictions.c.problem == problem, _predictions.c.at >= as_utc(since))
                .where(_predictions.c.source != "batch")
                .order_by(_labels.c.seq)
            )
            found = [_labelled(row._asdict()) for row in connection.execute(query)]
        return Look(found, until, until < last)


def _labelled(row: Mapping[str, Any]) -> Labelled:
    answered = Said(row["run_id"], read_cell(row["prediction"]), read_cell(row["probabilities"]))
    shadow = None
    if row["shadow_run_id"] is not None:
        shadow = Said(row["shadow_run_id"], read_cell(row["shadow_prediction"]), read_cell(row["shadow_probabilities"]))
    return Labelled(row["id"], read_cell(row["label"]), answered, shadow)
