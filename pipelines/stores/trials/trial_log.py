"""What a trial leaves behind: what the challenger said in shadow, the counts of each process, and the labels.

Shadow predictions carry the id of the answer that was given, so labels of the answer count for them too. They are
no answers: a power cut may cost the last second of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from pipelines.stores.logbook.kept_blocks import find_rows, in_chunks
from pipelines.stores.logbook.log_entries import as_utc, read_cell, write_cell
from pipelines.stores.sql.database import answering, open_database
from pipelines.stores.sql.log_tables import LABELS, PREDICTIONS
from pipelines.stores.sql.schema import ensure_schema
from pipelines.stores.sql.trial_tables import SHADOWS, TALLIES
from pipelines.stores.trials.rollouts import DATABASE

_LOOK = 5_000  # labels at a time
_NO_WAIT = "SET LOCAL synchronous_commit TO off"
_OVERLAP = 200  # labels read again: with PostgreSQL a smaller number can become visible after a larger one


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
        ensure_schema(self._engine)

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
        with answering(DATABASE), self._engine.connect() as connection:
            cheaply = "PRAGMA synchronous=NORMAL" if self._engine.dialect.name == "sqlite" else _NO_WAIT
            connection.exec_driver_sql(cheaply)  # no fsync: see above
            connection.execute(SHADOWS.insert(), values)
            connection.commit()

    def keep_tally(self, trial: int, worker: str, counts: Mapping[str, Any], at: datetime) -> None:
        """What a process has counted so far in a trial; its earlier word is replaced."""
        ours = (TALLIES.c.trial == trial) & (TALLIES.c.worker == worker)
        values = {"counts": dict(counts), "at": at}
        with answering(DATABASE), self._engine.begin() as connection:
            if connection.execute(TALLIES.update().where(ours).values(values)).rowcount:
                return
            connection.execute(TALLIES.insert().values(trial=trial, worker=worker, **values))

    def tallies(self, trial: int) -> list[dict[str, Any]]:
        """What every process has counted in a trial."""
        query = sa.select(TALLIES.c.counts).where(TALLIES.c.trial == trial)
        with answering(DATABASE), self._engine.connect() as connection:
            return [row.counts for row in connection.execute(query)]

    def last_label(self) -> int:
        """Where the labels end now: a trial looks only at what comes later. 0 before there are any."""
        with answering(DATABASE), self._engine.connect() as connection:
            return int(connection.execute(sa.select(sa.func.max(LABELS.c.seq))).scalar_one() or 0)

    def labelled(self, problem: str, run_id: str, since: datetime, after: int) -> Look:
        """Answers since a moment whose labels came after `after`, oldest label first, a few thousand at a time.

        `run_id` is the challenger's. Answers of batch scoring are no part of a trial. An id may come twice: with a
        label that was corrected, or at the seam of two looks.
        """
        with answering(DATABASE), self._engine.connect() as connection:
            last = connection.execute(sa.select(sa.func.max(LABELS.c.seq))).scalar_one() or 0
            until = min(last, after + _LOOK)
            query = sa.select(LABELS.c.prediction_id, LABELS.c.label).order_by(LABELS.c.seq)
            query = query.where(LABELS.c.seq > max(after - _OVERLAP, 0), LABELS.c.seq <= until)
            labels = connection.execute(query).all()
            ids = list(dict.fromkeys(row.prediction_id for row in labels))
            answered = _answered(connection, problem, since, ids)
            shadows = _shadowed(connection, run_id, [name for name in ids if name in answered])
        found = [
            Labelled(name, read_cell(label), answered[name], shadows.get(name))
            for name, label in labels
            if name in answered
        ]
        return Look(found, until, until < last)


def _answered(connection: sa.Connection, problem: str, since: datetime, ids: Sequence[str]) -> dict[str, Said]:
    """What was answered under these ids, where it is of this problem, since then and not by batch scoring."""
    found: dict[str, Said] = {}
    first = np.datetime64(as_utc(since), "us")
    for block, places in find_rows(connection, ids):
        if block.problem == problem and block.source != "batch":
            rows = list(places.values())
            said = zip(places, rows, block.predictions(rows), block.probabilities(rows), strict=True)
            found |= {name: Said(block.run_id, one, odds) for name, row, one, odds in said if block.at[row] >= first}
    columns = [PREDICTIONS.c[name] for name in ("id", "run_id", "prediction", "probabilities")]
    query = sa.select(*columns).where(PREDICTIONS.c.problem == problem, PREDICTIONS.c.at >= as_utc(since))
    query = query.where(PREDICTIONS.c.source != "batch")
    for chunk in in_chunks(name for name in ids if name not in found):
        found |= _said(connection.execute(query.where(PREDICTIONS.c.id.in_(chunk))))
    return found


def _shadowed(connection: sa.Connection, run_id: str, ids: Sequence[str]) -> dict[str, Said]:
    """What a challenger said in shadow of the rows with these ids."""
    columns = [SHADOWS.c[name] for name in ("id", "run_id", "prediction", "probabilities")]
    query = sa.select(*columns).where(SHADOWS.c.run_id == run_id)
    found: dict[str, Said] = {}
    for chunk in in_chunks(ids):
        found |= _said(connection.execute(query.where(SHADOWS.c.id.in_(chunk))))
    return found


def _said(rows: Iterable[Any]) -> dict[str, Said]:
    return {row.id: Said(row.run_id, read_cell(row.prediction), read_cell(row.probabilities)) for row in rows}
