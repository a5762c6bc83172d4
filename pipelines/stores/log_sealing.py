"""Sealing: old answers and their labels leave the database for Parquet files, and are read there from then on.

For each batch: the files are written, read back and compared; then one transaction marks them as sealed and removes
from the database just what is in them. A kill before that transaction leaves files that nobody reads, and the next
sealing removes them; after it there is nothing left to do. Labels that come later stay in the database.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipelines.core.errors import Busy, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.database import open_database
from pipelines.stores.files import write_atomic
from pipelines.stores.ledger import open_ledger
from pipelines.stores.logbook.archive import Archive, open_archive, with_archive
from pipelines.stores.logbook.id_filter import make_filter
from pipelines.stores.logbook.log_entries import as_utc
from pipelines.stores.logbook.log_partitions import drop_empty_partitions
from pipelines.stores.logbook.log_tables import translated
from pipelines.stores.logbook.sealed_batches import Batch, batches, problems_before, remove
from pipelines.stores.logbook.segment_files import SealedRow, make_table, read_table, write_table
from pipelines.stores.logbook.segment_tables import (
    PENDING,
    Segment,
    add_pending,
    drop_pending,
    list_segments,
    mark_sealed,
)
from pipelines.stores.objects import Objects, is_s3, reaching
from pipelines.stores.schema import ensure_schema

KEPT = timedelta(days=90)
"""How long answers stay in the database where nothing else is said: labels have come by then."""
Progress = Callable[[str, int], None]
"""Told the problem and how many of its rows are sealed so far."""
_OVERTAKEN = "another sealing came in between; nothing was removed here: run it again when that one has ended"


@dataclass
class SealReport:
    """What a sealing did: `moments_before` is the bound of the moments, a month's beginning (UTC)."""

    moments_before: datetime
    rows: int = 0
    labels: int = 0
    segments: int = 0
    bytes: int = 0
    partitions: list[str] = field(default_factory=list)
    """Partitions that were empty afterwards and are gone."""
    tidied: int = 0
    """Files of a sealing that did not come to its end."""


def seal_log(
    settings: Settings, before: datetime, now: datetime, problem: str | None = None, progress: Progress | None = None
) -> SealReport:
    """Seal what was answered before `before` and speaks of a month that was over by then, of one problem or of all.

    Run again it goes on. Busy when another sealing came in between, Unavailable when database or archive do not answer.
    """
    before = as_utc(before)
    report = SealReport(before.replace(day=1, hour=0, minute=0, second=0, microsecond=0))
    archive = open_archive(settings)
    with _opened(settings, archive) as engine:
        report.tidied = _tidy(engine, archive)
        with engine.connect() as connection:
            names = problems_before(connection, report.moments_before, before)
        for name in names if problem is None else [problem]:
            sealed = 0
            for batch in batches(engine, archive, name, report.moments_before, before):
                found = _seal(engine, archive.place(), batch, now)
                report.rows += sum(one["rows"] for one in found)
                report.labels += sum(one["labels"] for one in found)
                report.bytes += sum(one["size"] for one in found)
                report.segments += len(found)
                sealed += len(batch.rows)
                if progress is not None:
                    progress(name, sealed)
        report.partitions = drop_empty_partitions(engine, before.replace(tzinfo=UTC))
        with engine.connect() as connection:
            segments = list_segments(connection, problem)
    _note(settings, segments, now)
    return report


def sealed_segments(settings: Settings, problem: str | None = None) -> list[Segment]:
    """The segments of one problem or of all, by their moments."""
    with _opened(settings, None) as engine, engine.connect() as connection:
        return list_segments(connection, problem)


def verify_segments(settings: Settings, problem: str | None = None) -> list[str]:
    """What is wrong with segments: files that are gone or changed, digests that the ledger knows otherwise."""
    archive, wrong = open_archive(settings), []
    ledger = open_ledger(settings)
    try:
        for one in sealed_segments(settings, problem):
            noted = ledger.find(_key(one))
            if noted is not None and noted.evidence.get("digest") != one.digest:
                wrong.append(f"{one.path}: the ledger knows another digest of it")
            with reaching(archive.place().url):
                try:
                    digest = _digest(archive.place().filesystem.cat_file(archive.place().path(one.path)))
                except FileNotFoundError:
                    wrong.append(f"{one.path}: the file is gone")
                    continue
            if digest != one.digest:
                wrong.append(f"{one.path}: the file is not what was sealed")
    finally:
        ledger.close()
    return wrong


@contextmanager
def _opened(settings: Settings, archive: Archive | None) -> Iterator[sa.Engine]:
    engine = with_archive(open_database(settings.database), archive)
    try:
        ensure_schema(engine)
        with translated():
            yield engine
    finally:
        engine.dispose()


def _tidy(engine: sa.Engine, archive: Archive) -> int:
    """Remove what a sealing left that did not come to its end: its files are in no reader's view."""
    with engine.connect() as connection:
        left = list_segments(connection, state=PENDING)
    for one in left:
        with engine.begin() as connection:
            dropped = drop_pending(connection, one.seq)
        if dropped:
            place = archive.place()
            with reaching(place.url), suppress(FileNotFoundError):
                place.filesystem.rm_file(place.path(one.path))
    return len(left)


def _seal(engine: sa.Engine, place: Objects, batch: Batch, now: datetime) -> list[dict[str, Any]]:
    """Write and verify the files of a batch, then take its rows out of the database."""
    months: dict[str, list[SealedRow]] = {}
    for row in batch.rows:
        months.setdefault(f"{row.moment:%Y-%m}", []).append(row)
    pending: list[tuple[int, dict[str, Any]]] = []
    for month, rows in sorted(months.items()):
        table = make_table(rows)
        content = write_table(table)
        first = min(row.moment for row in rows)
        path = f"{batch.problem}/{month}/{first:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:12]}.parquet"
        values = _described(batch.problem, path, rows, content, now)
        with engine.begin() as connection:
            pending.append((add_pending(connection, values), values))
        _write(place, path, content)
        if not read_table(_read_back(place, path, values["digest"])).equals(table):
            raise Unavailable(f"{path} reads otherwise than it was written: nothing was removed; check {place.url}")
    with engine.begin() as connection:
        whole = all(mark_sealed(connection, seq) for seq, _ in pending)
        if not (whole and remove(connection, batch)):
            connection.rollback()
            raise Busy(_OVERTAKEN)
    return [values for _, values in pending]


def _described(problem: str, path: str, rows: Sequence[SealedRow], content: bytes, now: datetime) -> dict[str, Any]:
    known = [one.known_at for row in rows for one in row.labels]
    ids = [row.id for row in rows]
    moments = [row.moment for row in rows]
    return {
        "problem": problem,
        "path": path,
        "rows": len(rows),
        "labels": len(known),
        "labelled": sum(bool(row.labels) for row in rows),
        "first_moment": min(moments),
        "last_moment": max(moments),
        "first_id": min(ids),
        "last_id": max(ids),
        "first_known": min(known, default=None),
        "last_known": max(known, default=None),
        "size": len(content),
        "digest": _digest(content),
        "sealed_at": as_utc(now),
        "ids": make_filter(ids),
    }


def _write(place: Objects, path: str, content: bytes) -> None:
    where = place.path(path)
    with reaching(place.url):
        if is_s3(place.url):
            place.filesystem.pipe_file(where, content)
        else:
            write_atomic(Path(where), content)  # durable: the database lets go of its rows


def _read_back(place: Objects, path: str, digest: str) -> bytes:
    with reaching(place.url):
        try:
            content: bytes = place.filesystem.cat_file(place.path(path))
        except FileNotFoundError:
            raise Busy(f"{path} is gone again: {_OVERTAKEN}") from None
    if _digest(content) != digest:
        raise Unavailable(f"{path} is not what was written to {place.url}: nothing was removed; check the disk there")
    return content


def _note(settings: Settings, segments: Sequence[Segment], now: datetime) -> None:
    """Record each segment in the ledger; those of a sealing that was killed before it did so too."""
    ledger = open_ledger(settings)
    try:
        for one in segments:
            evidence = {"digest": one.digest, "path": one.path, "rows": one.rows, "labels": one.labels}
            evidence |= {"first_moment": one.first_moment.isoformat(), "last_moment": one.last_moment.isoformat()}
            told = f"{one.rows} predictions from {one.first_moment:%Y-%m-%d} to {one.last_moment:%Y-%m-%d}"
            ledger.record(
                _key(one), at=now, problem=one.problem, kind="seal", outcome="sealed", reasons=[told], evidence=evidence
            )
    finally:
        ledger.close()


def _key(segment: Segment) -> str:
    return f"seal:{segment.path}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
