"""The archive of the prediction log: what was sealed is found here, by id and by moment.

Which segments there are is known from the database; their files lie in a folder or in S3. Nothing of it is opened, and
neither pyarrow nor s3fs imported, before an answer that was sealed is asked for.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.logbook.id_filter import may_hold
from pipelines.stores.logbook.segment_tables import Segment, count_sealed, list_segments, read_filter

if TYPE_CHECKING:
    from pipelines.stores.logbook.segment_files import SealedLabel, SealedRow
    from pipelines.stores.objects import Objects

Found = TypeVar("Found")
_OPTION = "ratchet_archive"
_FILTERS, _LABELS = 64, 8  # of so many segments they are kept in memory


def archive_url(settings: Settings) -> str:
    """Where segments lie: the setting `archive`, or a folder in home."""
    return settings.archive or str(settings.home / "archive")


def open_archive(settings: Settings) -> Archive:
    """The archive of these settings; nothing is reached for yet."""

    def place() -> Objects:
        from pipelines.stores.objects import open_objects

        return open_objects(settings, archive_url(settings))

    return Archive(place)


class Archive:
    """Reads segments; safe to share among threads. Unavailable where their files cannot be reached."""

    def __init__(self, place: Callable[[], Objects]) -> None:
        self._open = place
        self._place: Objects | None = None
        self._lock = threading.Lock()
        self._known: tuple[int, list[Segment]] = (0, [])
        self._filters: OrderedDict[int, bytes] = OrderedDict()
        self._labels: OrderedDict[int, Mapping[str, list[SealedLabel]]] = OrderedDict()

    def segments(self, connection: sa.Connection, problem: str | None = None) -> list[Segment]:
        """The sealed segments; read anew only when there are others."""
        count = count_sealed(connection)
        with self._lock:
            if self._known[0] != count:
                self._known = (count, list_segments(connection))
            known = self._known[1]
        return [one for one in known if problem is None or one.problem == problem]

    def touching(self, connection: sa.Connection, problem: str, start: datetime, end: datetime) -> list[Segment]:
        """The segments of a problem that may hold rows of [start, end) (UTC, no zone)."""
        return [one for one in self.segments(connection, problem) if one.touches(start, end)]

    def rows_between(
        self, connection: sa.Connection, problem: str, start: datetime, end: datetime
    ) -> Iterator[list[SealedRow]]:
        """The sealed rows whose moment lies in [start, end), some thousand at a time."""
        for segment in self.touching(connection, problem, start, end):
            from pipelines.stores.logbook.segment_files import rows_between

            with self.opened(segment.path) as file:
                yield from rows_between(file, start, end)

    def columns_between(
        self, connection: sa.Connection, problem: str, names: Sequence[str], start: datetime, end: datetime
    ) -> Iterator[Mapping[str, list[Any]]]:
        """Some columns of these rows."""
        for segment in self.touching(connection, problem, start, end):
            from pipelines.stores.logbook.segment_files import columns_between

            with self.opened(segment.path) as file:
                yield from columns_between(file, names, start, end)

    def find(self, connection: sa.Connection, ids: Sequence[str]) -> dict[str, SealedRow]:
        """The sealed rows with these ids."""
        found: dict[str, SealedRow] = {}
        ordered = sorted(ids)
        for segment in self.segments(connection) if ordered else ():
            near = ordered[bisect_left(ordered, segment.first_id) : bisect_right(ordered, segment.last_id)]
            near = may_hold(self._filter(connection, segment.seq), near) if near else near
            if near:
                from pipelines.stores.logbook.segment_files import rows_with

                with self.opened(segment.path) as file:
                    found.update((row.id, row) for row in rows_with(file, near))
        return found

    def labels_between(
        self, connection: sa.Connection, problem: str, start: datetime, end: datetime
    ) -> list[Mapping[str, list[SealedLabel]]]:
        """The sealed labels of the segments that may hold rows of [start, end), by id."""
        return [self.labels(one) for one in self.touching(connection, problem, start, end) if one.labels]

    def labels(self, segment: Segment) -> Mapping[str, list[SealedLabel]]:
        """The labels of a segment by id."""
        from pipelines.stores.logbook.segment_files import labels_of

        def read() -> Mapping[str, list[SealedLabel]]:
            with self.opened(segment.path) as file:
                return labels_of(file)

        return self._kept(self._labels, segment.seq, _LABELS, read)

    def newly_labelled(
        self, connection: sa.Connection, problem: str, since: datetime, until: datetime, late: Collection[str]
    ) -> tuple[int, int]:
        """How many sealed answers have a sealed label that became known in (since, until], and how many of those
        are among the ids `late`.
        """
        count = both = 0
        for one in self.segments(connection, problem):
            if one.first_known is None or one.last_known is None or one.first_known > until or one.last_known <= since:
                continue
            if not late and one.first_known > since and one.last_known <= until:
                count += one.labelled
                continue
            known = {
                name for name, labels in self.labels(one).items() if any(since < it.known_at <= until for it in labels)
            }
            count += len(known)
            both += len(known.intersection(late))
        return count, both

    @contextmanager
    def opened(self, path: str) -> Iterator[Any]:
        """A segment's file, open for reading; Unavailable when it is gone or cannot be reached."""
        from pyarrow import ArrowInvalid

        from pipelines.stores.objects import reaching

        place = self.place()
        with reaching(place.url):
            try:
                file = place.filesystem.open(place.path(path), "rb")
            except FileNotFoundError:
                lost = f"the sealed segment {path} is not in {place.url}"
                raise Unavailable(f"{lost}: check RATCHET_ARCHIVE, or restore it from a backup") from None
            try:
                with file:
                    yield file
            except ArrowInvalid as error:
                raise Unavailable(
                    f"the sealed segment {path} is damaged ({error}): run `ratchet log segments --verify`, restore it"
                ) from error

    def place(self) -> Objects:
        """Where the files lie."""
        with self._lock:
            if self._place is None:
                self._place = self._open()
            return self._place

    def _filter(self, connection: sa.Connection, seq: int) -> bytes:
        return self._kept(self._filters, seq, _FILTERS, lambda: read_filter(connection, seq))

    def _kept(self, held: OrderedDict[int, Any], seq: int, most: int, read: Callable[[], Any]) -> Any:
        """What is held of a segment, read where it is not; those used last are held."""
        with self._lock:
            if seq in held:
                held.move_to_end(seq)
                return held[seq]
        value = read()
        with self._lock:
            held[seq] = value
            while len(held) > most:
                held.popitem(last=False)
        return value


def with_archive(engine: sa.Engine, archive: Archive | None) -> sa.Engine:
    """The engine whose connections know the archive that belongs to their database."""
    return engine if archive is None else engine.execution_options(**{_OPTION: archive})


def archive_of(connection: sa.Connection) -> Archive | None:
    """The archive of this connection; None where nothing was ever sealed.

    Unavailable where something was, and the log was opened without its archive: a part would be taken for the whole.
    """
    archive: Archive | None = connection.get_execution_options().get(_OPTION)
    if not (count_sealed(connection) if archive is None else archive.segments(connection)):
        return None
    if archive is None:
        raise Unavailable("a part of the prediction log is sealed: open the log with its archive (`open_log`)")
    return archive


def steady(
    connection: sa.Connection,
    problem: str,
    read: Callable[[], Found],
    span: tuple[datetime, datetime] | None = None,
) -> Found:
    """What `read` finds, read again if any of it was sealed meanwhile: rows would be missed or seen twice.

    `span`: the moments that it looks at (UTC, no zone); else all of the problem's.
    """
    while True:
        before = count_sealed(connection, problem, span)
        found = read()
        if count_sealed(connection, problem, span) == before:
            return found
