"""What the target's values say of the task and its classes."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from pipelines.core.errors import NotEnoughData, ProblemError
from pipelines.core.kinds import category_text, category_texts, describe, plain_values, to_numbers
from pipelines.core.problem import Problem, Task
from pipelines.core.schema import ClassType

_FEW = 20  # integer targets with more distinct values are quantities
_MOST_CLASSES = 1000
_DENIED = re.compile(
    r"\b(no|not|non|none|never|without|false|negative|neg|nein|nicht|kein|keine|ohne|pas|sans|sin|n)\b"
)


def infer_task(problem: Problem, target: pd.Series) -> Task:
    """The task as declared, else as the target's values suggest; NotEnoughData when they cannot say.

    Two values: binary. Texts, or at most twenty different whole numbers that repeat ten times on average:
    multiclass. Else regression.

    >>> problem = Problem.model_validate({"name": "x", "data": {"source": "x.csv", "target": "y"}})
    >>> infer_task(problem, pd.Series(["a", "b", "c"])), infer_task(problem, pd.Series([0.1, 0.2, 0.3]))
    ('multiclass', 'regression')
    """
    filled = target.dropna()
    name = problem.data.target.column
    if filled.empty:
        raise NotEnoughData(f"the target {name!r} has no value in any row: nothing can be learned")
    distinct = filled.nunique()
    if distinct == 1:
        only = describe(filled.iloc[0])
        raise NotEnoughData(f"the target {name!r} has one value only, {only}: nothing can be learned")
    if problem.task is not None:
        if problem.task == "binary" and distinct > 2:
            raise ProblemError(f"task: binary, but the target {name!r} has {distinct} values: use task: multiclass")
        return problem.task
    if distinct == 2:
        return "binary"
    numbers, bad = to_numbers(filled)
    if bad.any():
        return "regression" if bad.mean() <= 0.02 and distinct > _FEW else "multiclass"
    whole = bool((numbers[np.isfinite(numbers)] % 1 == 0).all())
    return "multiclass" if whole and distinct <= _FEW and distinct * 10 <= len(filled) else "regression"


def infer_classes(problem: Problem, task: Task, target: pd.Series) -> tuple[list[str] | None, ClassType | None]:
    """The canonical class texts in the model's order and what they were; (None, None) for regression.

    Whole numbers sort as numbers, all else as text; of a binary target the positive class comes last.
    """
    if task == "regression":
        return None, None
    name = problem.data.target.column
    texts = pd.Series(category_texts(target)).dropna()
    distinct = texts.unique()
    if len(distinct) > _MOST_CLASSES or (len(distinct) > _FEW and 2 * len(distinct) > len(texts)):
        raise ProblemError(
            f"the target {name!r} has {len(distinct)} different values in {len(texts)} rows, too many for "
            "classes: choose another target, or say task: regression if they are numbers"
        )
    class_type = _class_type(target)
    classes = sorted(distinct, key=float) if class_type in ("integer", "number") else sorted(distinct)
    positive = problem.data.target.positive
    if positive is not None and task == "binary":
        wanted = category_text(positive)
        if wanted not in classes:
            raise ProblemError(f"data.target.positive is {positive!r}, but {name!r} is one of {', '.join(classes)}")
        classes.sort(key=lambda one: one == wanted)
    return classes, class_type


def likely_positive(classes: list[str], target: pd.Series) -> str:
    """Which of two classes named by words is rather asked about: the one that is not denied, else the rarer one.

    >>> likely_positive(["stays", "will not stay"], pd.Series(["stays", "will not stay"]))
    'stays'
    >>> likely_positive(["churned", "stayed"], pd.Series(["stayed", "stayed", "churned"]))
    'churned'
    """
    denied = [_DENIED.search(one.strip().lower()) is not None for one in classes]
    if denied[0] != denied[1]:
        return classes[denied.index(False)]
    texts = pd.Series(category_texts(target))
    first, second = ((texts == one).sum() for one in classes)
    return classes[0] if first < second else classes[1]


def _class_type(target: pd.Series) -> ClassType:
    values = plain_values(target.dropna())
    content = pd.api.types.infer_dtype(values, skipna=True)
    if content == "boolean":
        return "boolean"
    if content not in ("integer", "floating", "mixed-integer-float", "decimal"):
        return "text"
    numbers, _ = to_numbers(pd.Series(values))
    return "integer" if (numbers % 1 == 0).all() and (np.abs(numbers) < 2**53).all() else "number"
