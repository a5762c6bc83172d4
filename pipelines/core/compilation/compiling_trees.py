"""The trees of boosted models and forests as plain arrays, number for number."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from pipelines.core.compilation.tree_text import MISSING_LEFT, MISSING_RIGHT, Trees, join_trees, single_leaf

_MOST_NODES = 3_000_000
_BEYOND = 1e300  # stands for an infinite threshold: no number that a model is asked about is larger
_OBJECTIVES = {"value": "regression", "sigmoid": "binary sigmoid:1", "softmax": "multiclass num_class:{}"}

Forest = tuple[Trees, int, int]
"""Trees, columns of the table, outputs."""


class CannotCompile(Exception):
    """This model has no compiled form; the message says what stands against it."""


def require(holds: bool, what: Any) -> None:
    """CannotCompile with the type of `what` unless the condition holds."""
    if not holds:
        raise CannotCompile(f"a {type(what).__name__} that is not one of the platform's own")


def boosted_trees(fitted: Any) -> Forest:
    """Histogram gradient boosting: the baseline is a first tree of one leaf, so that sums add up in the same order."""
    if getattr(fitted, "is_categorical_", None) is not None or getattr(fitted, "_preprocessor", None) is not None:
        raise CannotCompile("histogram gradient boosting with categorical columns of its own")
    rounds = fitted._predictors
    _check_size(sum(len(one.nodes) for some in rounds for one in some))
    lots = [single_leaf(float(value)) for value in np.ravel(fitted._baseline_prediction)]
    for one in (one for some in rounds for one in some):
        nodes = one.nodes
        if nodes["is_categorical"].any():
            raise CannotCompile("a tree that splits categories")
        lots.append(
            _tree(
                leaf=nodes["is_leaf"].astype(bool),
                children=(nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)),
                feature=nodes["feature_idx"],
                threshold=nodes["num_threshold"],
                missing_left=nodes["missing_go_to_left"],
                count=nodes["count"],
                value=nodes["value"],
            )
        )
    return join_trees(lots), int(fitted.n_features_in_), int(fitted.n_trees_per_iteration_)


def forest_trees(fitted: Any, classes: int | None) -> Forest:
    """A random forest: every leaf holds its share of the mean. Two classes are told by the second's."""
    grown = fitted.estimators_
    outputs = [0] if classes is None else [1] if classes == 2 else list(range(classes))
    if fitted.n_outputs_ != 1 or getattr(fitted, "monotonic_cst", None) is not None:
        raise CannotCompile("a forest of several outputs or with monotonic columns")
    _check_size(sum(one.tree_.node_count for one in grown) * len(outputs))
    lots = []
    for one in grown:
        state = one.tree_.__getstate__()
        nodes, values = state["nodes"], state["values"][:, 0, :]
        leaf = nodes["left_child"] < 0
        for output in outputs:
            lots.append(
                _tree(
                    leaf=leaf,
                    children=(nodes["left_child"], nodes["right_child"]),
                    feature=nodes["feature"],
                    threshold=nodes["threshold"],
                    missing_left=nodes["missing_go_to_left"],
                    count=nodes["n_node_samples"],
                    value=values[:, output] / len(grown),
                )
            )
    return join_trees(lots), int(fitted.n_features_in_), len(outputs)


def lightgbm_trees(fitted: Any, link: str) -> Forest:
    """LightGBM's own text, read back: the same numbers."""
    text = fitted.model_
    head = text.partition("\nTree=")[0]
    width, outputs = int(_word(head, "max_feature_idx")) + 1, int(_word(head, "num_tree_per_iteration"))
    if _word(head, "objective") != _OBJECTIVES[link].format(outputs) or "average_output" in head:
        raise CannotCompile(f"LightGBM with the objective {_word(head, 'objective')!r}")
    lots = []
    for part in text.split("\nTree=")[1:]:
        if int(_word(part, "num_cat")) or int(_word(part, "is_linear")):
            raise CannotCompile("LightGBM with trees that split categories or end in lines")
        leaves = int(_word(part, "num_leaves"))
        if leaves == 1:
            lots.append(single_leaf(float(_word(part, "leaf_value"))))
        else:
            lots.append(_lightgbm_tree(part, leaves))
    _check_size(sum(lot.nodes for lot in lots))
    return join_trees(lots), width, outputs


def _lightgbm_tree(part: str, leaves: int) -> Trees:
    def numbers(name: str, kind: type) -> np.ndarray:
        return np.array([kind(one) for one in _word(part, name).split(" ")])

    return Trees(
        leaves=np.array([leaves], dtype=np.int64),
        feature=numbers("split_feature", int),
        threshold=numbers("threshold", float),
        decision=numbers("decision_type", int),
        left=numbers("left_child", int),
        right=numbers("right_child", int),
        count=numbers("internal_count", int),
        value=numbers("leaf_value", float),
        leaf_count=numbers("leaf_count", int),
    )


def _word(text: str, name: str) -> str:
    found = re.search(rf"^{name}=(.*)$", text, re.MULTILINE)
    if found is None:
        raise CannotCompile(f"LightGBM's text without {name}")
    return found[1]


def _tree(
    leaf: np.ndarray,
    children: tuple[np.ndarray, np.ndarray],
    feature: np.ndarray,
    threshold: np.ndarray,
    missing_left: np.ndarray,
    count: np.ndarray,
    value: np.ndarray,
) -> Trees:
    """One tree from nodes in any of scikit-learn's layouts: parents stand before their children in both."""
    inner = ~leaf
    places = np.where(leaf, -np.cumsum(leaf), np.cumsum(inner) - 1)
    left, right = (places[child[inner]] for child in children)
    return Trees(
        leaves=np.array([leaf.sum()], dtype=np.int64),
        feature=feature[inner].astype(np.int64),
        threshold=np.clip(threshold[inner].astype(np.float64), -_BEYOND, _BEYOND),
        decision=np.where(missing_left[inner].astype(bool), MISSING_LEFT, MISSING_RIGHT),
        left=left,
        right=right,
        count=count[inner].astype(np.int64),
        value=value[leaf].astype(np.float64),
        leaf_count=count[leaf].astype(np.int64),
    )


def _check_size(nodes: int) -> None:
    if nodes > _MOST_NODES:
        raise CannotCompile(f"trees of {nodes:,} nodes, where {_MOST_NODES:,} are the most")
