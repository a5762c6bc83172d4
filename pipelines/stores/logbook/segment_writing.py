"""How segments come to be: announced, written, read back and compared, and only then sealed, all of them or none."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pipelines.core.errors import Busy, Unavailable
from pipelines.stores.logbook.id_filter import make_filter
from pipelines.stores.logbook.log_entries import as_utc
from pipelines.stores.logbook.segment_files import read_table, write_table
from pipelines.stores.sql.segment_tables import add_pending, mark_sealed
from pipelines.stores.storage.files import write_atomic
from pipelines.stores.storage.objects import Objects, is_s3, reaching

if TYPE_CHECKING:
    import pyarrow as pa

_OVERTAKEN = "another sealing came in between; nothing was removed here: run it again when that one has ended"


@dataclass(frozen=True)
class SegmentDraft:
    """A segment to be: the table of its file, and what `log_segments` says of it but for the file's own facts.

    `rows` is 0 where it holds late labels alone; `moments` are those of the answers, `known` those of the labels.
    """

    problem: str
    folder: str
    """Below the archive's root."""
    table: pa.Table
    rows: int
    labelled: int
    ids: Sequence[str]
    moments: Sequence[datetime]
    known: Sequence[datetime]

    def values(self, content: bytes, now: datetime) -> dict[str, Any]:
        """Its row of the table of segments."""
        first = min(self.moments)
        return {
            "problem": self.problem,
            "path": f"{self.folder}/{first:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:12]}.parquet",
            "rows": self.rows,
            "labels": len(self.known),
            "labelled": self.labelled,
            "first_moment": first,
            "last_moment": max(self.moments),
            "first_id": min(self.ids),
            "last_id": max(self.ids),
            "first_known": min(self.known, default=None),
            "last_known": max(self.known, default=None),
            "size": len(content),
            "digest": digest_of(content),
            "sealed_at": as_utc(now),
            "ids": make_filter(self.ids),
        }


def write_segments(
    engine: sa.Engine,
    place: Objects,
    drafts: Sequence[SegmentDraft],
    remove: Callable[[sa.Connection], bool],
    now: datetime,
) -> list[dict[str, Any]]:
    """Write and verify the files, then seal them while `remove` takes their rows out of the database, in one
    transaction; what `log_segments` says of each.

    Busy where another process came in between or `remove` says false, Unavailable when a file is not what was written:
    nothing is removed then.
    """
    pending: list[tuple[int, dict[str, Any]]] = []
    for draft in drafts:
        content = write_table(draft.table)
        values = draft.values(content, now)
        with engine.begin() as connection:
            pending.append((add_pending(connection, values), values))
        _write(place, values["path"], content)
        if not read_table(_read_back(place, values["path"], values["digest"])).equals(draft.table):
            raise Unavailable(
                f"{values['path']} reads otherwise than it was written: nothing was removed; check {place.url}"
            )
    with engine.begin() as connection:
        whole = all(mark_sealed(connection, seq) for seq, _ in pending)
        if not (whole and remove(connection)):
            connection.rollback()
            raise Busy(_OVERTAKEN)
    return [values for _, values in pending]


def digest_of(content: bytes) -> str:
    """SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()


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
    if digest_of(content) != digest:
        raise Unavailable(f"{path} is not what was written to {place.url}: nothing was removed; check the disk there")
    return content
