from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipelines.core.errors import Busy, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.logbook import segment_writing
from pipelines.stores.logbook.label_files import LateLabel, label_table
from pipelines.stores.logbook.segment_writing import SegmentDraft, digest_of, write_segments
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.schema import ensure_schema
from pipelines.stores.sql.segment_tables import PENDING, list_segments
from pipelines.stores.storage.objects import Objects, open_objects

MOMENT = datetime(2024, 3, 1)
pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL


@pytest.fixture
def engine(settings: Settings) -> Iterator[sa.Engine]:
    opened = open_database(settings.database)
    ensure_schema(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def place(settings: Settings, tmp_path: Path) -> Objects:
    return open_objects(settings, str(tmp_path / "archive"))


def draft(name: str) -> SegmentDraft:
    table = label_table([LateLabel(name, "p", MOMENT, 1, "1", MOMENT, MOMENT)])
    return SegmentDraft("p", "p/labels/2024-03", table, 0, 1, [name], [MOMENT], [MOMENT])


def listed(engine: sa.Engine, state: str = "sealed") -> list[str]:
    with engine.connect() as connection:
        return [one.path for one in list_segments(connection, state=state)]


def test_all_of_them_are_sealed_with_what_they_are(engine: sa.Engine, place: Objects) -> None:
    found = write_segments(engine, place, [draft("a"), draft("b")], lambda _: True, MOMENT)
    assert sorted(listed(engine)) == sorted(one["path"] for one in found)
    for one in found:
        content = Path(place.path(one["path"])).read_bytes()
        assert (one["digest"], one["size"]) == (digest_of(content), len(content))
        assert (one["rows"], one["labels"], one["labelled"], one["first_moment"]) == (0, 1, 1, MOMENT)


def test_none_is_sealed_where_rows_went_otherwise(engine: sa.Engine, place: Objects) -> None:
    with pytest.raises(Busy, match="another sealing"):
        write_segments(engine, place, [draft("a"), draft("b")], lambda _: False, MOMENT)
    assert (len(listed(engine)), len(listed(engine, PENDING))) == (0, 2)


def test_a_file_that_is_not_what_was_written_is_not_sealed(
    engine: sa.Engine, place: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = segment_writing._write
    monkeypatch.setattr(segment_writing, "_write", lambda at, path, content: real(at, path, content[:-1] + b"x"))
    with pytest.raises(Unavailable, match="is not what was written"):
        write_segments(engine, place, [draft("a")], lambda _: True, MOMENT)
    monkeypatch.setattr(segment_writing, "_write", lambda *_: None)
    with pytest.raises(Busy, match="is gone again"):
        write_segments(engine, place, [draft("a")], lambda _: True, MOMENT)
    assert listed(engine) == []
