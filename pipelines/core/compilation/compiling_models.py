"""From a fitted learner to its part of a compiled model's plan, and the text of its trees if it has any."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge

from pipelines.core.compilation.compiling_trees import (
    CannotCompile,
    boosted_trees,
    forest_trees,
    lightgbm_trees,
    require,
)
from pipelines.core.compilation.tree_text import Trees, write_trees
from pipelines.core.estimators import AllClasses, LightGBMClassifier, LightGBMRegressor
from pipelines.core.problem import Task

__all__ = ["CannotCompile", "plan_model", "require"]

Planned = tuple[dict[str, Any], dict[str, Any] | None, str | None]
_BOOSTED = {
    HistGradientBoostingClassifier: "log_loss",
    HistGradientBoostingRegressor: "squared_error",
}


def plan_model(learner: Any, task: Task) -> Planned:
    """The model's part of the plan, its classes (None for a value), and its trees' text; CannotCompile otherwise."""
    if task == "regression":
        model, trees = _plan(learner, None)
        return model, None, trees
    require(type(learner) is AllClasses, learner)
    classes = {"count": int(learner.n_classes), "present": learner.present_.tolist(), "rows": int(learner.rows_)}
    if learner.estimator_ is None:
        return {"kind": "constant", "values": [1.0], "link": "share"}, classes, None
    fitted = learner.estimator_
    if np.asarray(fitted.classes_).tolist() != classes["present"]:
        raise CannotCompile("a learner whose classes are not those of its rows")
    model, trees = _plan(fitted, len(classes["present"]))
    return model, classes, trees


def _plan(fitted: Any, classes: int | None) -> tuple[dict[str, Any], str | None]:
    """`classes`: how many were present in training; None for a value."""
    kind = type(fitted)
    link = "value" if classes is None else "sigmoid" if classes == 2 else "softmax"
    if kind is DummyRegressor or kind is DummyClassifier:
        return _plan_dummy(fitted, classes), None
    if kind is Ridge or kind is LogisticRegression:
        return _plan_linear(fitted, link), None
    if kind in _BOOSTED:
        if fitted.loss != _BOOSTED[kind]:
            raise CannotCompile(f"{kind.__name__} with the loss {fitted.loss!r}")
        trees, width, outputs = boosted_trees(fitted)
        return _plan_trees(trees, width, outputs, link)
    if kind is LightGBMRegressor or kind is LightGBMClassifier:
        trees, width, outputs = lightgbm_trees(fitted, link)
        return _plan_trees(trees, width, outputs, link, zeroes=True)
    if kind is RandomForestRegressor or kind is RandomForestClassifier:
        trees, width, outputs = forest_trees(fitted, classes)
        return _plan_trees(trees, width, outputs, "value" if classes is None else "share", cast="float32")
    raise CannotCompile(f"the learner {kind.__module__}.{kind.__name__}")


def _plan_trees(
    trees: Trees, width: int, outputs: int, link: str, cast: str | None = None, zeroes: bool = False
) -> tuple[dict[str, Any], str]:
    model = {"kind": "trees", "outputs": outputs, "link": link, "cast": cast, "zeroes": zeroes}
    return model, write_trees(trees, width, outputs)


def _plan_linear(fitted: Any, link: str) -> dict[str, Any]:
    weights = np.atleast_2d(np.asarray(fitted.coef_, dtype=np.float64)).T
    intercept = np.broadcast_to(np.ravel(fitted.intercept_), (weights.shape[1],))
    return {"kind": "linear", "weights": weights.tolist(), "intercept": intercept.tolist(), "link": link}


def _plan_dummy(fitted: Any, classes: int | None) -> dict[str, Any]:
    if classes is None:
        return {"kind": "constant", "values": np.ravel(fitted.constant_).tolist(), "link": "value"}
    if fitted.strategy not in ("prior", "most_frequent"):
        raise CannotCompile(f"a DummyClassifier with the strategy {fitted.strategy!r}")
    found = fitted.predict_proba(np.zeros((1, 1)))[0]
    # Two shares are told by the second, as everywhere.
    return {"kind": "constant", "values": (found[1:] if classes == 2 else found).tolist(), "link": "share"}
