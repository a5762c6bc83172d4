"""What the target's values say of the task and its classes."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from pipelines.core.class_inference import infer_classes, infer_task, likely_positive
from pipelines.core.errors import NotEnoughData, ProblemError
from pipelines.core.problem import Problem


def _problem(**more: Any) -> Problem:
    target = {"column": "y", **more.pop("target", {})}
    return Problem.model_validate({"name": "x", "data": {"source": "x.csv", "target": target}, **more})


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([True, False] * 5, "binary"),
        ([0, 1, None] * 5, "binary"),
        (["yes", "no"], "binary"),
        (["a", "b", "c"], "multiclass"),
        ([0, 1, 2] * 50, "multiclass"),
        ([0, 1, 2, 3], "regression"),
        ([float(one) for one in range(25)] * 20, "regression"),
        ([0.5, 1.5, 2.5] * 50, "regression"),
        (["1.5", "2.5", *map(str, range(98)), "?"], "regression"),
    ],
)
def test_the_task_follows_from_the_target(values: list[Any], task: str) -> None:
    assert infer_task(_problem(), pd.Series(values)) == task


@pytest.mark.parametrize("values", [[None, None], [1, 1, 1], ["a", None]])
def test_a_target_without_two_values_teaches_nothing(values: list[Any]) -> None:
    with pytest.raises(NotEnoughData, match="nothing can be learned"):
        infer_task(_problem(), pd.Series(values, dtype=object))


def test_a_declared_task_must_fit() -> None:
    assert infer_task(_problem(task="regression"), pd.Series([0, 1])) == "regression"
    with pytest.raises(ProblemError, match="use task: multiclass"):
        infer_task(_problem(task="binary"), pd.Series([0, 1, 2]))


@pytest.mark.parametrize(
    ("values", "classes", "kind"),
    [
        ([True, False, None], ["false", "true"], "boolean"),
        ([10, 9, 2], ["2", "9", "10"], "integer"),
        ([1.0, 0.0, None], ["0", "1"], "integer"),
        ([0.5, 10.5, 9.5], ["0.5", "9.5", "10.5"], "number"),
        (["b", "a", "10"], ["10", "a", "b"], "text"),
    ],
)
def test_classes_are_canonical_and_sorted(values: list[Any], classes: list[str], kind: str) -> None:
    series = pd.Series(values, dtype=object if True in values else None)
    assert infer_classes(_problem(), "multiclass", series) == (classes, kind)


def test_the_positive_class_is_last() -> None:
    problem = _problem(target={"positive": "bad"})
    assert infer_classes(problem, "binary", pd.Series(["good", "bad"])) == (["good", "bad"], "text")
    with pytest.raises(ProblemError, match="is one of good, ill"):
        infer_classes(problem, "binary", pd.Series(["good", "ill"]))


def test_a_name_per_row_is_no_class() -> None:
    with pytest.raises(ProblemError, match="too many for classes"):
        infer_classes(_problem(), "multiclass", pd.Series([f"id {one}" for one in range(60)]))


@pytest.mark.parametrize(
    ("values", "positive"),
    [
        (["no", "no", "yes"], "yes"),
        (["no", "yes", "yes", "yes"], "yes"),
        (["Ja", "Ja", "Nein"], "Ja"),
        (["will not pay", "will pay", "will pay"], "will pay"),
        (["bad", "good", "good"], "bad"),
        (["good", "bad", "bad"], "good"),
        (["normal", "nominal", "normal"], "nominal"),  # no word of denial in either
        (["a", "b"], "b"),
    ],
)
def test_what_is_asked_about_is_not_denied_or_the_rarer(values: list[str], positive: str) -> None:
    assert likely_positive(sorted(set(values)), pd.Series(values)) == positive
