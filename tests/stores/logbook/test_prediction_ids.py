"""Ids are unique, of version 7, and begin alike when they are made together."""

from __future__ import annotations

import time
from uuid import UUID

import pytest

from pipelines.stores.logbook.prediction_ids import make_ids, new_id, raw_id

AN_ID = "01a20598-d014-7eb3-8db9-0d3286c32618"


@pytest.mark.parametrize("count", [1, 3, 24, 25, 1_000])
def test_ids_are_uuids_of_version_7_that_begin_alike(count: int) -> None:
    before = time.time_ns() // 1_000_000
    ids = make_ids(count)
    assert before <= ids.made <= time.time_ns() // 1_000_000
    assert len(ids) == len(set(ids.texts)) == count
    for place, text in enumerate(ids.texts):
        one = UUID(text)
        assert (one.version, one.variant) == (7, "specified in RFC 4122")
        assert one.int >> 80 == ids.made
        assert one.bytes == raw_id(text)
        assert (ids.text(place), ids.place(one.bytes)) == (text, place)
    assert ids.letters == "".join(ids.texts)
    assert ids.part(1, 3).texts == ids.texts[1:3]


def test_they_sort_by_the_time_they_were_made() -> None:
    ids = []
    for _ in range(3):
        ids.append(new_id())
        time.sleep(0.002)
    assert ids == sorted(ids)


def test_the_seam_between_two_ids_is_none() -> None:
    ids = make_ids(2)
    assert ids.place(ids.raw[8:24]) is None
    assert ids.place(None) is None


@pytest.mark.parametrize("text", ["", "x", "0" * 32, "0" * 36, f"{{{AN_ID}}}", AN_ID.upper(), AN_ID + " "])
def test_what_is_not_written_as_ours_is_no_id(text: str) -> None:
    assert raw_id(text) is None
