"""Which rows are in the sample is decided by their ids alone."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.stores.logbook.log_sample import Sample, Taken, hash_raw, hash_texts, join_columns, take_cells
from pipelines.stores.logbook.prediction_ids import make_ids


def taken(rows: range) -> Taken:
    ids = [f"id{row}" for row in rows]
    moments = np.array([f"2024-01-{1 + row % 28:02d}" for row in rows], dtype="M8[us]")
    cells = {"n": np.array(rows, dtype=float), "c": [str(row) for row in rows]}
    return Taken(hash_texts(ids), ids, np.ones(len(ids)), moments, np.array(rows, dtype=float), cells, {})


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_the_smallest_hashes_stay(piece: int) -> None:
    sample = Sample(40)
    for first in range(0, 1000, piece):
        sample.add(taken(range(first, min(first + piece, 1000))))
    found = sample.rows()
    assert found is not None
    whole = taken(range(1000))
    assert set(found.ids) == {whole.ids[place] for place in np.argsort(whole.keys)[:40].tolist()}
    assert found.inputs["c"] == [one.removeprefix("id") for one in found.ids]
    assert found.inputs["n"].tolist() == found.scores.tolist() == [float(one) for one in found.inputs["c"]]
    assert list(zip(found.moments, found.ids, strict=True)) == sorted(zip(found.moments, found.ids, strict=True))
    assert sample.bar <= np.sort(whole.keys)[80] or piece == 1000


@pytest.mark.parametrize(("expected", "complete"), [(1_000, True), (300, True), (40_000, False)])
def test_of_many_most_are_passed_over_and_the_sample_is_the_same(expected: int, complete: bool) -> None:
    plain, quick, added = Sample(40), Sample(40, expected), 0
    for first in range(0, 1000, 100):
        part = taken(range(first, first + 100))
        for sample in (plain, quick):
            places = sample.places(part.keys)
            added += len(places) if sample is quick else 0
            sample.add(part.rows(places))
    assert quick.complete == complete
    if complete:
        first_found, found = plain.rows(), quick.rows()
        assert first_found is not None
        assert found is not None
        assert found.ids == first_found.ids
    assert added < (100 if expected >= 1_000 else 1_000)


def test_no_rows_are_no_sample() -> None:
    assert Sample(3).rows() is None


def test_hashes_spread_even_where_ids_count_up() -> None:
    counted = b"".join((7 << 76 | 2 << 62 | row).to_bytes(16, "big") for row in range(10_000))
    for keys in (hash_raw(counted), hash_raw(make_ids(10_000).raw), hash_texts(str(row) for row in range(10_000))):
        shares = np.histogram((keys >> np.uint64(32)).astype(float) / 2**32, bins=10, range=(0, 1))[0]
        assert abs(shares - 1_000).max() < 150
        assert len(np.unique(keys)) == 10_000


def test_columns_of_pieces_that_differ_are_joined() -> None:
    arrays = join_columns([({"a": np.array([1.0])}, 1), ({"a": np.array([2.0])}, 1)])
    assert arrays["a"].dtype == np.float64  # type: ignore[union-attr]
    mixed = join_columns([({"a": np.array([1.0]), "b": ["x"]}, 1), ({"a": [None, 3]}, 2)])
    assert mixed == {"a": [1.0, None, 3], "b": ["x", None, None]}
    assert take_cells([1, 2, 3], np.array([2, 0])) == [3, 1]
