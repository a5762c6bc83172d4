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
from pipelines.stores.sql.segment_tables import Segment, count_sealed, list_segments, read_filter

if TYPE_CHECKING:
    from pipelines.stores.logbook.segment_files import SealedLabel, SealedRow
    from pipelines.stores.storage.objects import Objects

Found = TypeVar("Found")
_OPTION = "ratchet_archive"
_FILTERS, _LABELS = 64, 8  # of so many segments they are kept in memory


def archive_url(settings: Settings) -> str:
    """Where segments lie: the setting `archive`, or a folder in home."""
    return settings.archive or str(settings.home / "archive")


def open_archive(settings: Settings) -> Archive:
    """The archive of these settings; nothing is reached for yet."""

    def place() -> Objects:
        from pipelines.stores.storage.objects import open_objects

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
        """The segments of a problem that may hold answers of [start, end) (UTC, no zone)."""
        return [one for one in self.segments(connection, problem) if one.touches(start, end) and not one.late]

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
        """The sealed rows with these ids, each with all of its sealed labels."""
        found: dict[str, SealedRow] = {}
        segments, ordered = self.segments(connection) if ids else [], sorted(ids)
        for segment in segments:
            near = [] if segment.late else self._near(connection, segment, ordered)
            if near:
                from pipelines.stores.logbook.segment_files import rows_with

                with self.opened(segment.path) as file:
                    found.update((row.id, row) for row in rows_with(file, near))
        ordered = sorted(found)
        for segment in segments:
            for name in self._near(connection, segment, ordered) if segment.late else ():
                if more := self.labels(segment).get(name):
                    found[name] = found[name]._replace(labels=[*found[name].labels, *more])
        return found

    def holding(self, connection: sa.Connection, problem: str, ids: Sequence[str]) -> set[str]:
        """Those of the ids whose answers are sealed."""
        ordered, found = sorted(ids), set[str]()
        for segment in self.segments(connection, problem) if ids else ():
            near = [] if segment.late else self._near(connection, segment, ordered)
            if near:
                from pipelines.stores.logbook.segment_files import ids_with

                with self.opened(segment.path) as file:
                    found |= ids_with(file, near)
        return found

    def labels_between(
        self, connection: sa.Connection, problem: str, start: datetime, end: datetime, late: bool = False
    ) -> list[Mapping[str, list[SealedLabel]]]:
        """The sealed labels about answers of [start, end), by id; if asked for only those in segments of their own."""
        near = [one for one in self.segments(connection, problem) if one.labels and one.touches(start, end)]
        return [self.labels(one) for one in near if one.late or not late]

    def labels(self, segment: Segment) -> Mapping[str, list[SealedLabel]]:
        """The labels of a segment by id."""
        from pipelines.stores.logbook.label_files import labels_in
        from pipelines.stores.logbook.segment_files import labels_of

        def read() -> Mapping[str, list[SealedLabel]]:
            with self.opened(segment.path) as file:
                return labels_in(file) if segment.late else labels_of(file)

        return self._kept(self._labels, segment.seq, _LABELS, read)

    def newly_labelled(
        self, connection: sa.Connection, problem: str, since: datetime, until: datetime, live: Collection[str]
    ) -> tuple[int, int]:
        """How many sealed answers have a sealed label that became known in (since, until], and how many of those
        are among the ids `live`.
        """

        def known(segment: Segment) -> set[str]:
            labels = self.labels(segment).items()
            return {name for name, given in labels if any(since < one.known_at <= until for one in given)}

        near = [one for one in self.segments(connection, problem) if one.knows(since, until)]
        late = set[str]().union(*(known(one) for one in near if one.late))
        others, count, both = sorted(late.union(live)), len(late), len(late.intersection(live))
        for one in (one for one in near if not one.late):
            if one.knows_only(since, until) and not self._near(connection, one, others):
                count += one.labelled
                continue
            fresh = known(one) - late
            count += len(fresh)
            both += len(fresh.intersection(live))
        return count, both

    @contextmanager
    def opened(self, path: str) -> Iterator[Any]:
        """A segment's file, open for reading; Unavailable when it is gone or cannot be reached."""
        from pyarrow import ArrowInvalid

        from pipelines.stores.storage.objects import reaching

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

    def _near(self, connection: sa.Connection, segment: Segment, ordered: Sequence[str]) -> list[str]:
        """Those of the ids that a segment may hold."""
        near = list(ordered[bisect_left(ordered, segment.first_id) : bisect_right(ordered, segment.last_id)])
        if not near:
            return near
        kept = self._kept(self._filters, segment.seq, _FILTERS, lambda: read_filter(connection, segment.seq))
        return may_hold(kept, near)

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
