from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.watching.observed import Block
from pipelines.core.watching.pooling import FEWEST, added, labels_of, mature, pooled

START = datetime(2021, 1, 1, tzinfo=UTC)


def block(day: int, labels: int, rows: int | None = None) -> Block:
    rows = labels if rows is None else rows
    return Block(START + timedelta(days=day), rows, 0.5 * rows, labels, gap=(1.0,), gap_variance=(2.0,))


@given(st.lists(st.integers(0, 100), max_size=30))
def test_pooling_loses_no_label_and_leaves_few_small_blocks(counts: list[int]) -> None:
    found = pooled([block(day, labels) for day, labels in enumerate(counts)])
    assert labels_of(found) == sum(counts)
    assert all(one.labels >= FEWEST for one in found[:-1])


@given(st.lists(st.integers(0, 100), min_size=1, max_size=30))
def test_what_comes_later_changes_no_whole_block(counts: list[int]) -> None:
    blocks = [block(day, labels) for day, labels in enumerate(counts)]
    before = [one for one in pooled(blocks[:-1]) if one.labels >= FEWEST]
    assert pooled(blocks)[: len(before)] == before


def test_sums_are_added() -> None:
    both = added(block(0, 3, 5), block(1, 4, 6))
    assert (both.start, both.rows, both.labels, both.gap, both.gap_variance) == (START, 11, 7, (2.0,), (4.0,))


def test_parts_of_a_day_are_one_block() -> None:
    assert [one.labels for one in mature([block(1, 10), block(0, 20), block(1, 5)])] == [20, 15]


def test_labels_that_are_still_coming_in_do_not_count() -> None:
    blocks = [block(day, 100) for day in range(20)] + [block(20, 50, 100), block(21, 10, 100)]
    assert len(mature(blocks)) == 20


def test_where_half_of_the_labels_never_come_half_is_enough() -> None:
    assert len(mature([block(day, 50, 100) for day in range(20)])) == 20
    assert not mature([block(day, 50, 100) for day in range(5)]), "nobody knows yet that no more will come"
