from __future__ import annotations

from datetime import UTC, datetime

from pipelines.stores.sql.segment_tables import Segment
from services.console.archive_facts import archive_families

AT = datetime(2026, 3, 1, 12)


def segment(seq: int, problem: str, day: int) -> Segment:
    last = AT.replace(day=day)
    ends = (AT, last, "a", "b", None, None)
    return Segment(seq, problem, f"{seq}.parquet", 100, 40, 40, *ends, 2_000, "d" * 64, AT)


def test_segments_are_added_up_by_problem() -> None:
    segments = [segment(1, "loans", 2), segment(2, "loans", 5), segment(3, "trips", 3)]
    found = {(one.name, one.labels["problem"]): one.value for f in archive_families(segments) for one in f.samples}
    assert found["ratchet_sealed_segments", "loans"] == 2
    assert found["ratchet_sealed_rows", "loans"] == 200
    assert found["ratchet_sealed_bytes", "trips"] == 2_000
    assert found["ratchet_sealed_until_timestamp_seconds", "loans"] == AT.replace(day=5, tzinfo=UTC).timestamp()


def test_nothing_sealed_is_no_series() -> None:
    assert not [one for family in archive_families([]) for one in family.samples]
