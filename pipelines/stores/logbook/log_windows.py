"""A stretch of the prediction log by columns: rows and blocks together, each with the label that counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from pipelines.stores.logbook.archive import archive_of
from pipelines.stores.logbook.kept_blocks import blocks_between, last_moment
from pipelines.stores.logbook.log_blocks import KeptBlock
from pipelines.stores.logbook.log_entries import WINDOW_COLUMNS, read_cell
from pipelines.stores.logbook.log_labels import newest_labels
from pipelines.stores.logbook.logged_again import logged_again
from pipelines.stores.sql.log_tables import PREDICTIONS
from pipelines.stores.sql.segment_tables import list_segments

if TYPE_CHECKING:
    from pipelines.stores.logbook.segment_files import SealedLabel, SealedRow

_ANSWER = [name for name in WINDOW_COLUMNS if name not in ("label", "known_at")]
_JSON = frozenset({"inputs", "history", "prediction", "probabilities"})
_MOMENTS = frozenset({"at", "time", "moment"})
Columns = dict[str, Any]


def gather(
    connection: sa.Connection, problem: str, start: datetime, end: datetime, known_by: datetime | None
) -> Columns:
    """The columns of a window in [start, end), by moment and then id; labels known after `known_by` do not count."""
    parts = [_from_rows(connection, problem, start, end)]
    for block in blocks_between(connection, problem, start, end):
        moments = block.moment
        inside = (moments >= np.datetime64(start, "us")) & (moments < np.datetime64(end, "us"))
        parts.append(_from_block(block, np.flatnonzero(inside).tolist()))
    archive = archive_of(connection)
    where = (connection, problem, start, end)
    sealed: list[Mapping[str, Sequence[SealedLabel]]] = []
    sealed += archive.labels_between(*where, late=True) if archive is not None else ()
    for rows in archive.rows_between(connection, problem, start, end) if archive is not None else ():
        parts.append(_from_sealed(rows))
        sealed.append({row.id: row.labels for row in rows if row.labels})
    found = {name: _joined(name, [part[name] for part in parts]) for name in _ANSWER}
    order = np.lexsort((np.array(found["id"], dtype=str), found["moment"]))
    if (np.diff(order) != 1).any():
        places = order.tolist()
        for name, values in found.items():
            found[name] = values[order] if isinstance(values, np.ndarray) else [values[place] for place in places]
    labels = newest_labels(connection, found["id"], known_by, sealed)
    found["label"] = [labels.get(name, (None, None))[0] for name in found["id"]]
    found["known_at"] = [labels.get(name, (None, None))[1] for name in found["id"]]
    return found


def newest_moment(connection: sa.Connection, problem: str) -> datetime | None:
    """The newest moment that an answer speaks of, in a row or in a block (UTC, no zone); None without any."""
    query = sa.select(sa.func.max(PREDICTIONS.c.moment)).where(PREDICTIONS.c.problem == problem)
    found = [connection.execute(query).scalar_one(), last_moment(connection, problem)]
    found += [one.last_moment for one in list_segments(connection, problem)]
    return max((one for one in found if one is not None), default=None)


def _from_rows(connection: sa.Connection, problem: str, start: datetime, end: datetime) -> Columns:
    query = (
        sa.select(*(PREDICTIONS.c[name] for name in _ANSWER))
        .where(PREDICTIONS.c.problem == problem)
        .where(PREDICTIONS.c.moment >= start, PREDICTIONS.c.moment < end)
        .order_by(PREDICTIONS.c.moment, PREDICTIONS.c.id)
    )
    again = logged_again(connection, problem, (start, end))
    rows = [row for row in connection.execute(query) if row.id not in again]
    columns: Columns = dict(zip(_ANSWER, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(_ANSWER, ())
    for name in _JSON:
        columns[name] = [read_cell(cell) for cell in columns[name]]
    return columns


def _from_block(block: KeptBlock, rows: list[int]) -> Columns:
    count = len(rows)
    return {
        "id": [block.ids.texts[row] for row in rows],
        "version": [block.version] * count,
        "run_id": [block.run_id] * count,
        "at": block.at[rows],
        "time": block.time[rows],
        "moment": block.moment[rows],
        "inputs": block.inputs(rows),
        "history": block.history(rows),
        "prediction": block.predictions(rows),
        "probabilities": block.probabilities(rows),
        "source": [block.source] * count,
    }


def _from_sealed(rows: Sequence[SealedRow]) -> Columns:
    columns: Columns = {name: [getattr(row, name) for row in rows] for name in _ANSWER}
    for name in _JSON:
        columns[name] = [read_cell(cell) for cell in columns[name]]
    return columns


def _joined(name: str, parts: Sequence[Any]) -> Any:
    if name in _MOMENTS:
        return np.concatenate([np.asarray(part, dtype="M8[us]") for part in parts])
    return [value for part in parts for value in part]
