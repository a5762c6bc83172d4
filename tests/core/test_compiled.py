from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from pipelines.core.compilation.compiled import Compiled
from pipelines.core.compilation.contributions import linked
from pipelines.core.errors import ModelFileError


class Halves:
    """A kernel: half of the first number, and the same as its contribution."""

    def __init__(self, text: str, width: int, outputs: int) -> None:
        self.width = width

    def raw(self, table: np.ndarray) -> np.ndarray:
        return np.nan_to_num(table[:, :1] / 2)

    def contributions(self, table: np.ndarray) -> np.ndarray:
        found = np.zeros((len(table), 1, self.width + 1))
        found[:, 0, 0] = self.raw(table)[:, 0]
        return found


CITY = {
    "kind": "categories",
    "column": "city",
    "categories": ["x"],
    "values": [[1.0]],
    "missing": [2.0],
    "unknown": [3.0],
}
NUMBERS = {"kind": "numbers", "columns": ["a", "b"], "empty": []}
TREES = {"kind": "trees", "outputs": 1, "link": "value", "cast": None, "zeroes": False}
LINEAR = {"kind": "linear", "weights": [[1.0], [10.0], [100.0]], "intercept": [1000.0], "link": "value"}


def plan(model: dict[str, Any], *blocks: dict[str, Any], classes: Any = None) -> dict[str, Any]:
    return {"format": 1, "blocks": list(blocks), "model": model, "classes": classes}


def columns(rows: int) -> dict[str, Any]:
    return {"a": [float(row) for row in range(rows)], "b": np.ones(rows), "city": ["x", None, "y"] * rows}


@pytest.mark.parametrize("rows", [1, 4, 5, 300])
def test_a_table_is_the_same_row_by_row_and_as_a_whole(rows: int) -> None:
    model = Compiled(plan(TREES, NUMBERS, CITY), "", Halves)
    asked = {name: values[:rows] for name, values in columns(rows).items()}
    assert model.score(asked, rows).tolist() == [row / 2 for row in range(rows)]
    assert (model.kernel, model.reads) == ("trees", ("a", "b", "city"))
    assert model.score({name: [] for name in asked}, 0).shape == (0,)


def test_a_linear_model_and_its_terms() -> None:
    model = Compiled(plan(LINEAR, NUMBERS, CITY), None, Halves)
    asked = {name: values[:3] for name, values in columns(3).items()}
    assert model.score(asked, 3).tolist() == [1110.0, 1211.0, 1312.0]
    found = model.contributions(asked, 3)
    assert found.values[:, :, 0].tolist() == [[0, 10, 100], [1, 10, 200], [2, 10, 300]]
    assert found.base.tolist() == [[1000.0]] * 3
    assert found.sources == ("a", "b", "city")


def test_contributions_add_up_through_the_smoothing() -> None:
    classes = {"count": 2, "present": [0, 1], "rows": 3}
    model = Compiled(plan({**TREES, "link": "sigmoid"}, NUMBERS, CITY, classes=classes), "", Halves)
    asked = {name: values[:6] for name, values in columns(6).items()}
    found = model.contributions(asked, 6)
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), linked(model.score(asked, 6), "logit"))
    assert found.link == "logit"


@pytest.mark.parametrize(
    ("document", "trees"),
    [
        ({}, None),
        (plan(TREES, NUMBERS) | {"format": 2}, ""),
        (plan(TREES, NUMBERS), None),
        (plan({**TREES, "kind": "oracle"}, NUMBERS), ""),
        (plan(LINEAR, NUMBERS), None),
        (plan({**LINEAR, "link": "sigmoid"}, NUMBERS, CITY), None),
        (plan(TREES, {"kind": "numbers"}), ""),
        (plan(TREES, [1]), ""),  # type: ignore[arg-type]
        ({"format": 1, "blocks": 3, "model": TREES, "classes": None}, ""),
    ],
)
def test_a_damaged_plan_is_refused(document: dict[str, Any], trees: str | None) -> None:
    with pytest.raises(ModelFileError):
        Compiled(document, trees, Halves)


def test_it_needs_numpy_alone() -> None:
    code = (
        "import sys, pipelines.core.compilation.compiled; "
        "print([m for m in ('pandas', 'sklearn', 'scipy', 'lightgbm', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ), check=True
    )
    assert done.stdout == "[]\n"
