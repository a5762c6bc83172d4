"""What earlier windows of a release showed: the sampled answers kept in small files, their labels joined afresh.

Answers never change, so that a look back costs look-ups of labels only. A file is named by everything that it depends
on, the number of rows in the log among it: answers that were added later make another one.
"""

from __future__ import annotations

import hashlib
import io
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pipelines.core.observation import Answered
from pipelines.core.watching.observed import Observed, observe
from pipelines.core.watching.release_side import ReleaseSide
from pipelines.stores.logbook.archive import archive_of
from pipelines.stores.logbook.kept_blocks import count_blocks, has_blocks
from pipelines.stores.logbook.log_entries import as_utc
from pipelines.stores.logbook.log_views import AnsweredView, labelled_view, read_answered
from pipelines.stores.sql.log_tables import PREDICTIONS
from pipelines.stores.storage.files import write_atomic

_MOST_FILES = 1_000
_PROBED = 64  # reference rows by whose expected loss a promise is known again


@dataclass(frozen=True)
class KeptWindow:
    """The answers of one release in a window: (n,) each, of the sampled rows; `rows` and `mine` are exact counts."""

    rows: int
    mine: int
    ids: list[str]
    moments: np.ndarray
    scores: np.ndarray
    expected: np.ndarray
    """The loss to be expected of each answer."""


class LogMemory:
    """The earlier windows of a release, by the labels known at one moment.

    `run_id` and `problem` say whose answers they are, `size` how many rows of a window are looked at.
    """

    def __init__(self, folder: Path, problem: str, run_id: str, side: ReleaseSide, size: int) -> None:
        self._folder, self.problem, self._side, self._size = folder, problem, side, size
        probed = side.reference.rows(np.arange(min(_PROBED, len(side.reference))))
        promise = np.round(side.promise.expected(probed), 9).tobytes()
        parts = [problem, run_id, side.version, side.contract.digest, list(side.history), size]
        self._name = hashlib.sha256(json.dumps(parts).encode() + promise).hexdigest()

    def look_back(
        self, connection: sa.Connection, start: datetime, length: timedelta, windows: int, as_of: datetime
    ) -> list[Observed]:
        """Up to so many windows of this length back to back before `start`, oldest first; those in which the release
        answered nothing are left out.
        """
        found, made = [], 0
        for back in range(windows, 0, -1):
            first = as_utc(start) - back * length
            last = first + length
            path = self._place(connection, first, last)
            if path is None:
                continue
            kept = _read(path)
            if kept is None:
                kept = self._look(connection, first, last)
                _write(path, kept)
                made += 1
            if kept.mine:
                found.append(self._judged(connection, kept, first, last, as_of))
        if made:
            _tidy(self._folder)
        return found

    def _place(self, connection: sa.Connection, start: datetime, end: datetime) -> Path | None:
        """The file of a window; None where nobody answered anything."""
        where = (connection, self.problem, start, end)
        held: list[Any] = [count_blocks(*where), _count_rows(*where)]
        if sealed := _sealed(*where):
            held.append(sealed)
        if not any(held):
            return None
        named = json.dumps([*held, start.isoformat(), end.isoformat()])
        return self._folder / f"{hashlib.sha256((self._name + named).encode()).hexdigest()[:40]}.npz"

    def _look(self, connection: sa.Connection, start: datetime, end: datetime) -> KeptWindow:
        side = self._side
        where = (connection, self.problem, side.version, start, end)
        if not (has_blocks(*where) or _has_rows(*where) or _sealed(connection, self.problem, start, end)):
            return _nothing()
        found = read_answered(connection, self.problem, side.contract, side.history, start, end, self._size)
        mine = found.sample_versions == side.version
        rows = found.sample.rows(mine)
        ids = [name for name, ours in zip(found.ids, mine.tolist(), strict=True) if ours]
        counted = found.versions.get(side.version, 0)
        return KeptWindow(found.rows, counted, ids, rows.moments, rows.scores, side.promise.expected(rows))

    def _judged(
        self, connection: sa.Connection, kept: KeptWindow, start: datetime, end: datetime, as_of: datetime
    ) -> Observed:
        """With the labels known at `as_of`."""
        count, version = len(kept.ids), self._side.version
        frame = pd.DataFrame(index=range(count))
        sample = Answered(frame, kept.moments, kept.scores, np.full(count, np.nan), {})
        versions = np.full(count, version, dtype=np.int64)
        answered = AnsweredView(kept.rows, {version: kept.mine}, [], kept.ids, versions, sample)
        view = labelled_view(connection, self._side.contract, answered, start, end, as_of)
        return observe(self._side, view, kept.expected)


def _count_rows(connection: sa.Connection, problem: str, start: datetime, end: datetime) -> int:
    query = sa.select(sa.func.count()).where(PREDICTIONS.c.problem == problem)
    query = query.where(PREDICTIONS.c.moment >= start, PREDICTIONS.c.moment < end)
    return int(connection.execute(query).scalar_one())


def _has_rows(connection: sa.Connection, problem: str, version: int, start: datetime, end: datetime) -> bool:
    """Whether any single row in [start, end) is of this version."""
    query = sa.select(sa.literal(1)).where(PREDICTIONS.c.problem == problem, PREDICTIONS.c.version == version)
    query = query.where(PREDICTIONS.c.moment >= start, PREDICTIONS.c.moment < end)
    return connection.execute(query.limit(1)).first() is not None


def _sealed(connection: sa.Connection, problem: str, start: datetime, end: datetime) -> list[int]:
    """The sealed segments that may hold rows of [start, end): they never change."""
    archive = archive_of(connection)
    return [] if archive is None else [one.seq for one in archive.touching(connection, problem, start, end)]


def _nothing() -> KeptWindow:
    return KeptWindow(0, 0, [], np.empty(0, dtype="M8[us]"), np.empty(0), np.empty(0))


def _write(path: Path, kept: KeptWindow) -> None:
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {
        "counts": np.array([kept.rows, kept.mine]),
        "ids": np.array([name.encode() for name in kept.ids], dtype="S"),
        "moments": kept.moments.astype("M8[us]").view(np.int64),
        "scores": kept.scores,
        "expected": kept.expected,
    }
    np.savez(buffer, **arrays)
    write_atomic(path, buffer.getvalue())


def _read(path: Path) -> KeptWindow | None:
    """What was kept; None where there is nothing, or a damaged file."""
    try:
        with np.load(io.BytesIO(path.read_bytes())) as found:
            rows, mine = found["counts"].tolist()
            ids = [name.decode() for name in found["ids"].tolist()]
            return KeptWindow(rows, mine, ids, found["moments"].view("M8[us]"), found["scores"], found["expected"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _tidy(folder: Path) -> None:
    """Keep the newest files only: those of releases long gone are never read again."""
    found = sorted(folder.glob("*.npz"), key=lambda one: one.stat().st_mtime)
    for one in found[:-_MOST_FILES]:
        with suppress(OSError):
            one.unlink()
