"""A stretch of the prediction log in pieces of a few thousand rows, by columns: what one pass over it looks at."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from pipelines.stores.logbook.archive import archive_of
from pipelines.stores.logbook.kept_blocks import blocks_between
from pipelines.stores.logbook.log_blocks import KeptBlock
from pipelines.stores.logbook.log_entries import read_cell
from pipelines.stores.logbook.log_sample import Cells, Taken, hash_raw, hash_texts, join_columns, take_cells
from pipelines.stores.logbook.logged_again import logged_again
from pipelines.stores.logbook.prediction_ids import raw_id
from pipelines.stores.sql.log_tables import PREDICTIONS

if TYPE_CHECKING:
    from pipelines.stores.logbook.segment_files import SealedRow

_ROWS = 20_000  # of a piece, about
_BLOCKS = 2_000
_CELLS = ("id", "version", "moment", "inputs", "history", "prediction", "probabilities")


@dataclass(frozen=True)
class Piece:
    """Rows of the log: `inputs` and `history` by name, and where the rest of each row is to be found."""

    keys: np.ndarray
    """(n,) uint64 hashes of the ids."""
    versions: dict[int, int]
    inputs: Mapping[str, Cells]
    history: Mapping[str, Cells]
    source: _FromBlocks | _FromRows

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, places: np.ndarray) -> Taken:
        """Some of its rows, at least one, in full; `places` ascend."""
        ids, versions, moments, scores = self.source.take(places)
        return Taken(
            self.keys[places],
            ids,
            versions,
            moments,
            scores,
            {name: take_cells(cells, places) for name, cells in self.inputs.items()},
            {name: take_cells(cells, places) for name, cells in self.history.items()},
        )


def pieces_between(
    connection: sa.Connection, problem: str, start: datetime, end: datetime, classes: Sequence[str] | None
) -> Iterator[Piece]:
    """The rows whose moment lies in [start, end) (UTC, no zone); probabilities in the order of `classes`."""
    yield from _pieces_of_rows(connection, problem, start, end, classes)
    archive = archive_of(connection)
    for rows in archive.rows_between(connection, problem, start, end) if archive is not None else ():
        yield _piece_of_rows(rows, _sealed_keys(rows), classes)
    yield from _pieces_of_blocks(connection, problem, start, end, classes)


def _pieces_of_blocks(
    connection: sa.Connection, problem: str, start: datetime, end: datetime, classes: Sequence[str] | None
) -> Iterator[Piece]:
    held: list[tuple[KeptBlock, np.ndarray | None]] = []
    rows = 0
    for block in blocks_between(connection, problem, start, end):
        whole = block.span is not None and start <= block.span[0] and block.span[1] < end
        inside = None if whole else _inside(block, start, end)
        count = len(block.ids) if inside is None else len(inside)
        if count:
            held.append((block, inside))
            rows += count
        if rows >= _ROWS or len(held) >= _BLOCKS:
            yield _piece_of_blocks(held, classes)
            held, rows = [], 0
    if held:
        yield _piece_of_blocks(held, classes)


def _inside(block: KeptBlock, start: datetime, end: datetime) -> np.ndarray | None:
    """Which rows lie in [start, end); None for all."""
    moments = block.moment
    inside = (moments >= np.datetime64(start, "us")) & (moments < np.datetime64(end, "us"))
    return None if inside.all() else np.flatnonzero(inside)


def _piece_of_blocks(held: Sequence[tuple[KeptBlock, np.ndarray | None]], classes: Sequence[str] | None) -> Piece:
    counts = [len(block.ids) if inside is None else len(inside) for block, inside in held]
    versions: dict[int, int] = {}
    inputs, history = [], []
    for (block, inside), rows in zip(held, counts, strict=True):
        versions[block.version] = versions.get(block.version, 0) + rows
        inputs.append((_some(block.parts["inputs"], inside), rows))
        history.append((_some(block.parts["history"] or {}, inside), rows))
    keys = hash_raw(b"".join(block.ids.raw for block, _ in held))
    if any(inside is not None for _, inside in held):
        masks = [np.arange(len(block.ids)) if inside is None else inside for block, inside in held]
        starts = np.cumsum([0, *[len(block.ids) for block, _ in held]])
        keys = keys[np.concatenate([first + mask for first, mask in zip(starts, masks, strict=False)])]
    source = _FromBlocks(held, np.cumsum([0, *counts]), classes)
    return Piece(keys, versions, join_columns(inputs), join_columns(history), source)


def _some(columns: Mapping[str, Cells], inside: np.ndarray | None) -> Mapping[str, Cells]:
    return columns if inside is None else {name: take_cells(cells, inside) for name, cells in columns.items()}


@dataclass(frozen=True)
class _FromBlocks:
    """Blocks, each with those of its rows that count, and where each begins in the piece."""

    held: Sequence[tuple[KeptBlock, np.ndarray | None]]
    starts: np.ndarray
    classes: Sequence[str] | None

    def take(self, places: np.ndarray) -> tuple[list[str | bytes], np.ndarray, np.ndarray, np.ndarray]:
        owners = np.searchsorted(self.starts, places, side="right") - 1
        changes = np.flatnonzero(np.diff(owners)) + 1
        ids: list[str | bytes] = []
        versions, moments, scores = [], [], []
        for mine, owner in zip(np.split(places, changes), owners[[0, *changes]].tolist(), strict=True):
            block, inside = self.held[owner]
            rows = mine - self.starts[owner]
            rows = rows if inside is None else inside[rows]
            ids += [block.ids.raw[16 * row : 16 * row + 16] for row in rows.tolist()]
            versions += [block.version] * len(rows)
            moments.append(block.moment[rows])
            scores.append(_aligned(block.parts["scores"][rows], block.parts["classes"], self.classes))
        return ids, np.array(versions, dtype=np.int64), np.concatenate(moments), np.concatenate(scores)


def _aligned(scores: np.ndarray, told: Any, classes: Sequence[str] | None) -> np.ndarray:
    """Scores in the shape that the contract asks for; NaN where the release that answered had no such answer."""
    names = None if told is None else told[0]
    if names == classes or (classes is not None and names == list(classes)):
        return scores
    found = np.full(len(scores) if classes is None else (len(scores), len(classes)), np.nan)
    if classes is not None and names is not None:
        for place, name in enumerate(classes):
            if name in names:
                found[:, place] = scores[:, names.index(name)]
    return found


def _pieces_of_rows(
    connection: sa.Connection, problem: str, start: datetime, end: datetime, classes: Sequence[str] | None
) -> Iterator[Piece]:
    query = (
        sa.select(*(PREDICTIONS.c[name] for name in _CELLS))
        .where(PREDICTIONS.c.problem == problem)
        .where(PREDICTIONS.c.moment >= start, PREDICTIONS.c.moment < end)
    )
    again = logged_again(connection, problem, (start, end))
    every = connection.execute(query, execution_options={"yield_per": 1_000})
    found = (row for row in every if row.id not in again)
    while rows := list(islice(found, _ROWS)):
        yield _piece_of_rows(rows, hash_texts(row.id for row in rows), classes)


def _piece_of_rows(rows: Sequence[Any], keys: np.ndarray, classes: Sequence[str] | None) -> Piece:
    versions: dict[int, int] = {}
    for row in rows:
        versions[row.version] = versions.get(row.version, 0) + 1
    inputs = [read_cell(row.inputs) or {} for row in rows]
    history = [read_cell(row.history) or {} for row in rows]
    return Piece(keys, versions, _by_name(inputs), _by_name(history), _FromRows(rows, classes))


def _sealed_keys(rows: Sequence[SealedRow]) -> np.ndarray:
    """What the rows hashed to before they were sealed: a sample stays the one that it was."""
    keys = hash_texts(row.id for row in rows)
    raw = [raw_id(row.id) if row.in_block else None for row in rows]
    places = [place for place, one in enumerate(raw) if one is not None]
    keys[places] = hash_raw(b"".join(one for one in raw if one is not None))
    return keys


@dataclass(frozen=True)
class _FromRows:
    """Rows of the table of single predictions."""

    rows: Sequence[Any]
    classes: Sequence[str] | None

    def take(self, places: np.ndarray) -> tuple[list[str | bytes], np.ndarray, np.ndarray, np.ndarray]:
        chosen = [self.rows[place] for place in places.tolist()]
        scores = np.array([self._score(row) for row in chosen], dtype=np.float64)
        moments = np.array([row.moment for row in chosen], dtype="M8[us]")
        shape = (len(chosen),) if self.classes is None else (len(chosen), len(self.classes))
        versions = np.array([row.version for row in chosen], dtype=np.int64)
        return [row.id for row in chosen], versions, moments, scores.reshape(shape)

    def _score(self, row: Any) -> Any:
        if self.classes is None:
            value = read_cell(row.prediction)
            return value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
        given = read_cell(row.probabilities) or {}
        return [math.nan if given.get(name) is None else given[name] for name in self.classes]


def _by_name(rows: Sequence[Mapping[str, Any]]) -> dict[str, Cells]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}
