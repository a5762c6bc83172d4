"""Trees as plain arrays, and as the text that LightGBM's C library reads: one grammar, written and checked here.

The C library trusts what it reads: an index out of range crashes the process. So a text is read back here first, and
only one that this grammar allows, whose every number was checked, may go on to the library.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from pipelines.core.errors import ModelFileError

MISSING_LEFT, MISSING_RIGHT = 10, 8  # LightGBM's decision types: NaN is missing and goes left, or right
_DECISIONS = (0, 2, MISSING_RIGHT, MISSING_LEFT)  # 0 and 2: no NaN was seen in training, and it counts as 0
_DEEPEST = 1_000  # the C library walks a tree by recursion
_MOST_COUNT = 2**31 - 1
_END = "end of trees\n"
_INTEGERS, _SIGNED, _FLOATS = "([0-9 ]+)", "([-0-9 ]+)", "([-+.0-9e ]+)"
_TREE = re.compile(
    r"Tree=([0-9]+)\nnum_leaves=([0-9]+)\nnum_cat=0\n"
    rf"(?:split_feature={_INTEGERS}\nthreshold={_FLOATS}\ndecision_type={_INTEGERS}\n"
    rf"left_child={_SIGNED}\nright_child={_SIGNED}\n)?"
    rf"leaf_value={_FLOATS}\n(?:leaf_count={_INTEGERS}\ninternal_count={_INTEGERS}\n)?"
    r"is_linear=0\nshrinkage=1\n\n\n"
)


@dataclass(frozen=True, eq=False)
class Trees:
    """Trees one after another: a tree of n leaves has n - 1 splits, the first of them its root.

    A child >= 0 is a split of the same tree, below 0 a leaf: -1 is leaf 0. A row goes left where value <= threshold.
    With k outputs, trees 0, k, 2k ... add up to output 0.
    """

    leaves: np.ndarray
    """Leaves of each tree, int64 (trees,)."""
    feature: np.ndarray
    threshold: np.ndarray
    decision: np.ndarray
    left: np.ndarray
    right: np.ndarray
    count: np.ndarray
    """Rows that reached each split in training: what TreeSHAP weighs by."""
    value: np.ndarray
    """Of each leaf, float64."""
    leaf_count: np.ndarray

    @property
    def nodes(self) -> int:
        """Splits and leaves of all trees."""
        return len(self.feature) + len(self.value)


def join_trees(parts: Iterable[Trees]) -> Trees:
    """Several lots of trees as one."""
    lots = list(parts)
    return Trees(*(np.concatenate([getattr(lot, name) for lot in lots]) for name in Trees.__dataclass_fields__))


def single_leaf(value: float) -> Trees:
    """A tree that always answers `value`."""
    none = np.empty(0, dtype=np.int64)
    one = np.array([1], dtype=np.int64)
    return Trees(one, none, np.empty(0), none, none, none, none, np.array([value], dtype=np.float64), one)


def write_trees(trees: Trees, width: int, outputs: int) -> str:
    """The text of `trees` over a table of `width` columns that give `outputs` sums."""
    return _header(width, outputs) + "".join(_tree_texts(trees)) + _END


def read_trees(text: str, width: int, outputs: int) -> Trees:
    """The trees of a text that `write_trees` wrote; ModelFileError where it is any other, however slightly.

    >>> text = write_trees(single_leaf(0.5), 3, 1)
    >>> read_trees(text, 3, 1).value.tolist()
    [0.5]
    """
    head = _header(width, outputs)
    if not text.startswith(head) or not text.endswith(_END):
        raise ModelFileError("the trees' text does not begin and end as it should")
    found: list[tuple[str | None, ...]] = []
    position, end = len(head), len(text) - len(_END)
    while position < end:
        match = _TREE.match(text, position, end)
        if match is None or int(match[1]) != len(found):
            raise ModelFileError(f"tree {len(found)} of the trees' text is not written as a tree is")
        found.append(match.groups())
        position = match.end()
    if not found or len(found) % outputs:
        raise ModelFileError(f"{len(found)} trees do not make {outputs} outputs")
    try:
        trees = _parse(found)
    except (ValueError, OverflowError) as error:
        raise ModelFileError(f"the trees' text holds something that is no number ({error})") from error
    check_trees(trees, width)
    return trees


def check_trees(trees: Trees, width: int) -> None:
    """ModelFileError unless every tree is one: each node reached once from its root, every number in its range."""
    starts = np.concatenate([[0], np.cumsum(trees.leaves - 1)[:-1]]).astype(np.int64)
    tree = np.repeat(np.arange(len(trees.leaves)), trees.leaves - 1)
    own = np.arange(len(tree)) - starts[tree]
    children = np.concatenate([trees.left, trees.right])
    parents, trees_of = np.concatenate([own, own]), np.concatenate([tree, tree])
    inner = children >= 0
    splits, leaves = trees.leaves[trees_of] - 1, trees.leaves[trees_of]
    if not np.where(inner, (children > parents) & (children < splits), -1 - children < leaves).all():
        raise ModelFileError("a tree's split leads to a node that is not below it")
    # As many children as nodes but the root, and none twice: so every one exactly once, and no loop.
    place = np.where(inner, children + starts[trees_of], len(tree) + starts[trees_of] + trees_of - 1 - children)
    reached = np.zeros(trees.nodes, dtype=bool)
    reached[place] = True
    if reached.sum() != len(children):
        raise ModelFileError("a tree's node is reached by two ways")
    if len(tree) and (trees.feature.min() < 0 or trees.feature.max() >= width):
        raise ModelFileError(f"a tree splits by a column beyond the {width} that there are")
    if not np.isin(trees.decision, _DECISIONS).all():
        raise ModelFileError("a tree's split is of a kind that is not known here")
    if not (np.isfinite(trees.threshold).all() and np.isfinite(trees.value).all()):
        raise ModelFileError("a tree holds a number that is not finite")
    counts = np.concatenate([trees.count, trees.leaf_count])
    if len(counts) and (counts.min() < 1 or counts.max() > _MOST_COUNT):
        raise ModelFileError("a tree counts its rows wrongly")
    _check_depth(trees, starts, tree)


def _check_depth(trees: Trees, starts: np.ndarray, tree: np.ndarray) -> None:
    level = starts[trees.leaves > 1]
    for _ in range(_DEEPEST):
        if not len(level):
            return
        below = np.concatenate([trees.left[level], trees.right[level]])
        base = np.concatenate([starts[tree[level]]] * 2)
        level = (base + below)[below >= 0]
    raise ModelFileError(f"a tree is more than {_DEEPEST} splits deep")


def _header(width: int, outputs: int) -> str:
    names = " ".join(f"f{number}" for number in range(width))
    return (
        f"tree\nversion=v4\nnum_class={outputs}\nnum_tree_per_iteration={outputs}\nlabel_index=0\n"
        f"max_feature_idx={width - 1}\nobjective=custom\nfeature_names={names}\n"
        f"feature_infos={' '.join(['none'] * width)}\n\n"
    )


def _tree_texts(trees: Trees) -> Iterator[str]:
    fields = {name: getattr(trees, name).tolist() for name in Trees.__dataclass_fields__}

    def line(name: str, field: str, start: int, size: int) -> str:
        return f"{name}={' '.join(map(repr, fields[field][start : start + size]))}\n"

    split, leaf = 0, 0
    for number, leaves in enumerate(fields["leaves"]):
        inner = leaves - 1
        parts = [f"Tree={number}\nnum_leaves={leaves}\nnum_cat=0\n"]
        if inner:
            parts += [line(name, field, split, inner) for name, field in _SPLIT_LINES]
        parts.append(line("leaf_value", "value", leaf, leaves))
        if inner:
            parts.append(line("leaf_count", "leaf_count", leaf, leaves))
            parts.append(line("internal_count", "count", split, inner))
        yield "".join([*parts, "is_linear=0\nshrinkage=1\n\n\n"])
        split, leaf = split + inner, leaf + leaves


_SPLIT_LINES = (
    ("split_feature", "feature"),
    ("threshold", "threshold"),
    ("decision_type", "decision"),
    ("left_child", "left"),
    ("right_child", "right"),
)


def _parse(found: list[tuple[str | None, ...]]) -> Trees:
    leaves = np.array([int(one[1] or 0) for one in found], dtype=np.int64)
    if leaves.min() < 1:
        raise ModelFileError("a tree has no leaf")
    if any((one[2] is None) is not (size == 1) or (one[8] is None) is not (size == 1) for one, size in _sized(found)):
        raise ModelFileError("a tree has no splits, or a leaf alone has some")

    def numbers(group: int, kind: type, sizes: np.ndarray) -> np.ndarray:
        lines = [line for one in found if (line := one[group]) is not None]
        if [line.count(" ") + 1 for line in lines] != sizes.tolist():
            raise ModelFileError("a tree's lists differ in length from the tree")
        # `split()` drops empty ones, which would hide a list that is too short behind its spaces.
        tokens = " ".join(lines).split(" ") if lines else []
        return np.fromiter(map(kind, tokens), np.float64 if kind is float else np.int64, len(tokens))

    inner = (leaves - 1)[leaves > 1]
    feature, threshold, decision, left, right = (
        numbers(group, float if group == 3 else int, inner) for group in range(2, 7)
    )
    value, leaf_count = numbers(7, float, leaves), np.ones(int(leaves.sum()), dtype=np.int64)
    grown = np.repeat(leaves > 1, leaves)
    leaf_count[grown] = numbers(8, int, leaves[leaves > 1])
    return Trees(leaves, feature, threshold, decision, left, right, numbers(9, int, inner), value, leaf_count)


def _sized(found: list[tuple[str | None, ...]]) -> Iterator[tuple[tuple[str | None, ...], int]]:
    return ((one, int(one[1] or 0)) for one in found)
