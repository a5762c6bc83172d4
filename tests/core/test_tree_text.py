from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.compilation.tree_text import Trees, check_trees, join_trees, read_trees, single_leaf, write_trees
from pipelines.core.errors import ModelFileError


def grown(leaves: int, seed: int = 0, width: int = 3) -> Trees:
    """One tree, grown leaf by leaf."""
    source = np.random.default_rng(seed)
    left, right = (np.zeros(leaves - 1, dtype=np.int64) for _ in range(2))
    parents: list[tuple[np.ndarray, int] | None] = [None]
    for split in range(leaves - 1):
        leaf = int(source.integers(0, split + 1))
        if (parent := parents[leaf]) is not None:
            parent[0][parent[1]] = split
        left[split], right[split] = -1 - leaf, -2 - split
        parents[leaf] = (left, split)
        parents.append((right, split))
    size = leaves - 1
    return Trees(
        leaves=np.array([leaves]),
        feature=source.integers(0, width, size),
        threshold=source.normal(size=size),
        decision=source.choice([0, 2, 8, 10], size),
        left=left,
        right=right,
        count=source.integers(1, 99, size),
        value=source.normal(size=leaves),
        leaf_count=source.integers(1, 99, leaves),
    )


FOREST = join_trees([single_leaf(0.25), grown(5, 1), grown(2, 2), grown(31, 3)])
TEXT = write_trees(FOREST, 3, 2)


def test_what_is_written_is_read_bit_for_bit() -> None:
    found = read_trees(TEXT, 3, 2)
    for name in Trees.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(found, name), getattr(FOREST, name))
    assert write_trees(found, 3, 2) == TEXT
    assert FOREST.nodes == 1 + 9 + 3 + 61


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(TEXT)), st.integers(0, 8), st.text("0123456789-+.e \n=Tinfaxé٣_", max_size=8))
def test_a_text_with_any_part_changed_is_refused_or_is_still_a_forest(at: int, cut: int, put: str) -> None:
    changed = TEXT[:at] + put + TEXT[at + cut :]
    try:
        found = read_trees(changed, 3, 2)
    except ModelFileError:
        return
    check_trees(found, 3)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("max_feature_idx=2", "max_feature_idx=9", "begin and end"),
        ("end of trees\n", "end of trees\nmore\n", "begin and end"),
        ("Tree=1\n", "Tree=7\n", "not written as a tree is"),
        ("num_leaves=5", "num_leaves=6", "differ in length"),
        ("num_cat=0", "num_cat=1", "not written as a tree is"),
        ("num_leaves=2\n", "num_leaves=0\n", "no leaf|no splits"),
        ("num_leaves=31\n", "num_leaves=1\n", "leaf alone|differ in length"),
        ("leaf_value=0.25\n", "leaf_value=1e999\n", "not finite"),
        ("leaf_value=0.25\n", "leaf_value=1-2\n", "no number"),
        ("leaf_value=0.25\n", "leaf_value=nan\n", "not written as a tree is"),
    ],
)
def test_what_the_grammar_does_not_allow_is_refused(old: str, new: str, why: str) -> None:
    assert old in TEXT
    with pytest.raises(ModelFileError, match=why):
        read_trees(TEXT.replace(old, new), 3, 2)


def test_as_many_trees_as_outputs_or_a_multiple() -> None:
    with pytest.raises(ModelFileError, match="do not make 3 outputs"):
        read_trees(write_trees(FOREST, 3, 3), 3, 3)


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("left", 7, "not below it"),
        ("left", -9, "not below it"),
        ("left", 0, "not below it"),
        ("right", 2, "two ways"),
        ("feature", 3, "beyond the 3"),
        ("feature", -1, "beyond the 3"),
        ("decision", 1, "not known"),
        ("threshold", np.nan, "not finite"),
        ("value", np.inf, "not finite"),
        ("count", 0, "counts its rows"),
        ("leaf_count", 2**31, "counts its rows"),
    ],
)
def test_a_tree_that_is_none_is_refused(field: str, value: float, why: str) -> None:
    chain = Trees(
        leaves=np.array([4]),
        feature=np.array([0, 1, 2]),
        threshold=np.zeros(3),
        decision=np.array([8, 8, 8]),
        left=np.array([1, 2, -1]),
        right=np.array([-4, -3, -2]),
        count=np.array([9, 8, 7]),
        value=np.zeros(4),
        leaf_count=np.ones(4, dtype=np.int64),
    )
    check_trees(chain, 3)
    array = getattr(chain, field).copy()
    array[0] = value
    with pytest.raises(ModelFileError, match=why):
        check_trees(dataclasses.replace(chain, **{field: array}), 3)


def test_a_tree_too_deep_for_recursion_is_refused() -> None:
    size = 1_200
    deep = Trees(
        leaves=np.array([size + 1]),
        feature=np.zeros(size, dtype=np.int64),
        threshold=np.zeros(size),
        decision=np.full(size, 8),
        left=np.append(np.arange(1, size), -1),
        right=-2 - np.arange(size),
        count=np.ones(size, dtype=np.int64),
        value=np.zeros(size + 1),
        leaf_count=np.ones(size + 1, dtype=np.int64),
    )
    with pytest.raises(ModelFileError, match="splits deep"):
        check_trees(deep, 1)


def test_checking_takes_little_beside_reading() -> None:
    forest = join_trees([grown(31, seed, 30) for seed in range(200)])
    text = write_trees(forest, 30, 1)
    start = time.process_time()
    read_trees(text, 30, 1)
    assert time.process_time() - start < 2.0  # 10 ms when alone: a limit that only an accident goes beyond
