from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pipelines.core.compilation.compiled import Compiled
from pipelines.core.compilation.compiling import compile_pipeline
from pipelines.core.compilation.proving import TOLERANCE, Differs, prove
from pipelines.core.learners import make_pipeline
from pipelines.stores.bundles.tree_kernel import TreeKernel

Made = tuple[Compiled, Any, Any, Any]


def _made(make: Callable[..., Any], learner: str, params: dict[str, Any]) -> Made:
    frame, y, contract = make("binary")
    pipeline = make_pipeline(learner, contract, ["past"], "binary", params, 0).fit(frame, y)
    return compile_pipeline(pipeline, contract, ["past"], TreeKernel), pipeline, contract, frame


@pytest.fixture(scope="module")
def made(make: Callable[..., Any]) -> Made:
    return _made(make, "histogram_gradient_boosting", {"max_iter": 5})


@pytest.fixture(scope="module")
def linear(make: Callable[..., Any]) -> Made:
    return _made(make, "linear", {})


def changed(compiled: Compiled, change: Callable[[dict[str, Any]], Any]) -> Compiled:
    document = copy.deepcopy(dict(compiled.document))
    change(document)
    return Compiled(document, compiled.trees, TreeKernel)


def _block(document: dict[str, Any], column: str) -> dict[str, Any]:
    return next(block for block in document["blocks"] if block.get("column") == column)


def _is_found(made: Made, change: Callable[[dict[str, Any]], Any]) -> None:
    compiled, pipeline, contract, frame = made
    assert prove(compiled, pipeline, contract, frame).largest <= TOLERANCE
    with pytest.raises(Differs, match="made row"):
        prove(changed(compiled, change), pipeline, contract, frame)


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["classes"].update(rows=100),
        lambda document: document["blocks"][0]["columns"].reverse(),
        lambda document: document["model"].update(cast="float32"),
    ],
)
def test_a_small_mistake_with_trees_is_found(made: Made, change: Callable[[dict[str, Any]], Any]) -> None:
    _is_found(made, change)


@pytest.mark.parametrize(
    "change",
    [
        lambda document: _block(document, "colour").update(missing=[1.0, 0.0, 0.0]),
        lambda document: _block(document, "town").update(unknown=_block(document, "town")["missing"][::-1]),
        lambda document: document["blocks"][0]["fill"].__setitem__(1, 0.0),
        lambda document: document["blocks"][0]["high"].__setitem__(0, 1e9),
        lambda document: document["blocks"][1]["mean"].__setitem__(1, 0.5),
        lambda document: _block(document, "note")["rarity"].__setitem__(0, 0.5),
    ],
)
def test_a_small_mistake_with_weights_is_found(linear: Made, change: Callable[[dict[str, Any]], Any]) -> None:
    _is_found(linear, change)


class Broken:
    """A compiled model with something wrong with its answers."""

    def __init__(self, inner: Compiled, spoil: Callable[[np.ndarray, int], Any]) -> None:
        self._inner, self._spoil = inner, spoil
        self.document, self.trees, self.reads, self.widths = inner.document, inner.trees, inner.reads, inner.widths

    def score(self, columns: Any, rows: int) -> Any:
        return self._spoil(self._inner.score(columns, rows), rows)


def _fail(scores: np.ndarray, rows: int) -> np.ndarray:
    raise ZeroDivisionError("no such row")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_fail, "ZeroDivisionError: no such row"),
        (lambda scores, rows: scores * np.nan, "off by nan"),
        (lambda scores, rows: scores[:, :1], "shape"),
        (lambda scores, rows: scores + (1e-6 if rows == 16 else 0), "off by 1e-06"),
        (lambda scores, rows: scores + (1e-6 if rows == 1 else 0), "made row 0"),
    ],
)
def test_nan_failures_and_other_shapes_count_as_differences(
    made: Made, spoil: Callable[[np.ndarray, int], Any], why: str
) -> None:
    compiled, pipeline, contract, frame = made
    with pytest.raises(Differs, match=why):
        prove(Broken(compiled, spoil), pipeline, contract, frame)  # type: ignore[arg-type]
