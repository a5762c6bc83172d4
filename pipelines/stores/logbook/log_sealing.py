"""Sealing: old answers and their labels leave the database for Parquet files, and are read there from then on.

For each batch: the files are written, read back and compared; then one transaction marks them as sealed and removes
from the database just what is in them. A kill before that transaction leaves files that nobody reads, and the next
sealing removes them; after it there is nothing left to do. Labels that come later stay in the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from pipelines.core.settings import Settings
from pipelines.stores.decisions.ledger import open_ledger
from pipelines.stores.logbook.archive import Archive, open_archive, with_archive
from pipelines.stores.logbook.label_files import label_table
from pipelines.stores.logbook.late_labels import LateBatch, late_batches
from pipelines.stores.logbook.log_entries import as_utc
from pipelines.stores.logbook.sealed_batches import Batch, batches, problems_before, remove
from pipelines.stores.logbook.segment_files import SealedRow, make_table
from pipelines.stores.logbook.segment_writing import SegmentDraft, digest_of, write_segments
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.log_partitions import drop_empty_partitions
from pipelines.stores.sql.log_tables import translated
from pipelines.stores.sql.schema import ensure_schema
from pipelines.stores.sql.segment_tables import PENDING, Segment, drop_pending, list_segments
from pipelines.stores.storage.objects import reaching

KEPT = timedelta(days=90)
"""How long answers stay in the database where nothing else is said: labels have come by then."""
Progress = Callable[[str, int], None]
"""Told the problem and how many of its rows are sealed so far."""


@dataclass
class SealReport:
    """What a sealing did: `moments_before` is the bound of the moments, a month's beginning (UTC)."""

    moments_before: datetime
    rows: int = 0
    labels: int = 0
    late: int = 0
    """Of the labels those that had come after their answers were sealed."""
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
                _seal(engine, archive, _drafts(batch), batch, now, report)
                sealed += len(batch.rows)
                if progress is not None:
                    progress(name, sealed)
        for late in late_batches(engine, archive, report.moments_before, problem):
            _seal(engine, archive, [_late_draft(late)], late.removed(), now, report)
            report.late += len(late.rows)
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
                    digest = digest_of(archive.place().filesystem.cat_file(archive.place().path(one.path)))
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


def _seal(
    engine: sa.Engine, archive: Archive, drafts: list[SegmentDraft], batch: Batch, now: datetime, report: SealReport
) -> None:
    found = write_segments(engine, archive.place(), drafts, lambda connection: remove(connection, batch), now)
    report.rows += sum(one["rows"] for one in found)
    report.labels += sum(one["labels"] for one in found)
    report.bytes += sum(one["size"] for one in found)
    report.segments += len(found)


def _drafts(batch: Batch) -> list[SegmentDraft]:
    """The segments of a batch, one for each month of its moments."""
    months: dict[str, list[SealedRow]] = {}
    for row in batch.rows:
        months.setdefault(f"{row.moment:%Y-%m}", []).append(row)
    return [
        SegmentDraft(
            batch.problem,
            f"{batch.problem}/{month}",
            make_table(rows),
            rows=len(rows),
            labelled=sum(bool(row.labels) for row in rows),
            ids=[row.id for row in rows],
            moments=[row.moment for row in rows],
            known=[one.known_at for row in rows for one in row.labels],
        )
        for month, rows in sorted(months.items())
    ]


def _late_draft(batch: LateBatch) -> SegmentDraft:
    """One segment: a folder of their own keeps labels apart from the answers, for whoever asks by a pattern."""
    return SegmentDraft(
        batch.problem,
        f"{batch.problem}/labels/{min(one.received_at for one in batch.rows):%Y-%m}",
        label_table(batch.rows),
        rows=0,
        labelled=len(batch.bare),
        ids=[one.id for one in batch.rows],
        moments=[one.moment for one in batch.rows],
        known=[one.known_at for one in batch.rows],
    )


def _note(settings: Settings, segments: Sequence[Segment], now: datetime) -> None:
    """Record each segment in the ledger; those of a sealing that was killed before it did so too."""
    ledger = open_ledger(settings)
    try:
        for one in segments:
            evidence = {"digest": one.digest, "path": one.path, "rows": one.rows, "labels": one.labels}
            evidence |= {"first_moment": one.first_moment.isoformat(), "last_moment": one.last_moment.isoformat()}
            what = f"{one.labels} late labels of predictions" if one.late else f"{one.rows} predictions"
            told = f"{what} from {one.first_moment:%Y-%m-%d} to {one.last_moment:%Y-%m-%d}"
            ledger.record(
                _key(one), at=now, problem=one.problem, kind="seal", outcome="sealed", reasons=[told], evidence=evidence
            )
    finally:
        ledger.close()


def _key(segment: Segment) -> str:
    return f"seal:{segment.path}"
