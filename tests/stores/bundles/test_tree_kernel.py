from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.compilation.tree_text import Trees, join_trees, single_leaf, write_trees
from pipelines.core.errors import ModelFileError
from pipelines.stores.bundles import tree_kernel
from pipelines.stores.bundles.tree_kernel import TreeKernel, find_library


def stump(feature: int, threshold: float, low: float, high: float, decision: int = 8) -> Trees:
    """A tree with one split."""
    return Trees(
        leaves=np.array([2]),
        feature=np.array([feature]),
        threshold=np.array([threshold]),
        decision=np.array([decision]),
        left=np.array([-1]),
        right=np.array([-2]),
        count=np.array([10]),
        value=np.array([low, high]),
        leaf_count=np.array([4, 6]),
    )


ONE = write_trees(join_trees([single_leaf(1.0), stump(0, 0.0, 10.0, 20.0), stump(1, 0.5, 100.0, 200.0, 10)]), 2, 1)
TWO = write_trees(join_trees([stump(0, 0.0, 1.0, 2.0), single_leaf(5.0)] * 3), 2, 2)


@pytest.mark.parametrize("rows", [1, 7, 24, 25, 3_000])
def test_sums_of_leaves_whatever_the_number_of_rows(rows: int) -> None:
    table = np.random.default_rng(0).normal(size=(rows, 2))
    table[0] = np.nan
    expected = 1 + np.where(table[:, 0] <= 0, 10, 20) + np.where(~(table[:, 1] > 0.5), 100, 200)
    np.testing.assert_array_equal(TreeKernel(ONE, 2, 1).raw(table)[:, 0], expected)
    both = TreeKernel(TWO, 2, 2).raw(table)
    np.testing.assert_array_equal(both, np.column_stack([np.where(table[:, 0] <= 0, 3, 6), np.full(rows, 15)]))


def test_numbers_next_to_nothing_are_not_taken_for_zero() -> None:
    kernel = TreeKernel(ONE, 2, 1)
    tiny = np.array([[5e-324, 0.0], [-5e-324, 0.0], [0.0, 0.0], [-0.0, 0.0], [1e-36, 0.0]])
    expected = [121.0, 111.0, 111.0, 111.0, 121.0]
    assert kernel.raw(tiny)[:, 0].tolist() == expected
    assert kernel.raw(np.tile(tiny, (10, 1)))[:5, 0].tolist() == expected


def test_contributions_add_up_to_the_sums() -> None:
    kernel = TreeKernel(TWO, 2, 2)
    table = np.random.default_rng(0).normal(size=(9, 2))
    found = kernel.contributions(table)
    assert found.shape == (9, 2, 3)
    np.testing.assert_allclose(found.sum(axis=2), kernel.raw(table), atol=1e-12)
    assert (found[:, 1, :2] == 0).all()


@pytest.mark.parametrize("rows", [2, 30])
def test_a_table_of_another_width_is_refused(rows: int) -> None:
    with pytest.raises((ModelFileError, ValueError), match=r"shape|broadcast"):
        TreeKernel(ONE, 2, 1).raw(np.zeros((rows, 3)))


def test_threads_may_share_it() -> None:
    kernel = TreeKernel(ONE, 2, 1)
    table = np.random.default_rng(0).normal(size=(600, 2))
    expected = kernel.raw(table)

    def ask(start: int) -> bool:
        one_by_one = all((kernel.raw(table[row : row + 1]) == expected[row]).all() for row in range(start, 600, 4))
        shares = kernel.contributions(table[:50]).sum(axis=2)
        return one_by_one and np.allclose(shares, expected[:50]) and (kernel.raw(table) == expected).all()

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(4)))


def test_its_memory_is_given_back() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    text = write_trees(join_trees([stump(0, 0.0, 1.0, 2.0)] * 5_000), 2, 1)
    TreeKernel(text, 2, 1)
    before = resident()
    for _ in range(8):
        TreeKernel(text, 2, 1).contributions(np.zeros((1, 2)))
    assert resident() - before < 40_000_000  # eight pairs of these trees that stay would take twice as much


def test_a_text_of_another_hand_never_reaches_the_library() -> None:
    with pytest.raises(ModelFileError, match="not below it"):
        TreeKernel(ONE.replace("left_child=-1", "left_child=999999"), 2, 1)
    with pytest.raises(ModelFileError, match="begin and end"):
        TreeKernel(ONE, 3, 1)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_a_file_says_it_is_refused_or_it_answers(data: st.DataObject) -> None:
    """A crash of the process would end the tests here."""
    text = TWO
    for _ in range(data.draw(st.integers(1, 3))):
        at, cut = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 3))
        text = text[:at] + data.draw(st.text("0123456789-.e \n", max_size=4)) + text[at + cut :]
    try:
        kernel = TreeKernel(text, 2, 2)
    except ModelFileError:
        return
    table = np.array([[0.0, np.nan], [1.0, -1.0]])
    np.testing.assert_allclose(kernel.contributions(table).sum(axis=2), kernel.raw(table), rtol=1e-9, atol=1e-9)


def test_without_lightgbm_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    find_library.cache_clear()
    tree_kernel._library.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(ModelFileError, match="not installed"):
            TreeKernel(ONE, 2, 1)
        patched.setattr(tree_kernel, "find_library", lambda: tmp_path / "none.so")
        with pytest.raises(ModelFileError, match="cannot be loaded"):
            TreeKernel(ONE, 2, 1)
    find_library.cache_clear()
    tree_kernel._library.cache_clear()


def test_it_brings_no_heavy_import_along() -> None:
    code = (
        "import sys, json, numpy; from pipelines.stores.bundles.tree_kernel import TreeKernel; "
        f"print(TreeKernel({ONE!r}, 2, 1).raw(numpy.zeros((1, 2)))[0, 0], "
        "[m for m in ('pandas', 'sklearn', 'scipy', 'lightgbm') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ), check=True
    )
    assert done.stdout.split(" ", 1) == ["111.0", "[]\n"]
