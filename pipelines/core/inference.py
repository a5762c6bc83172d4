"""From a problem and its table to the Contract."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.core.class_inference import infer_classes, infer_task
from pipelines.core.errors import ProblemError
from pipelines.core.identifiers import is_reserved
from pipelines.core.kinds import (
    category_texts,
    date_form,
    describe,
    infer_kind,
    plain_values,
    to_datetimes,
    to_numbers,
)
from pipelines.core.problem import Kind, Override, Problem
from pipelines.core.schema import Column, Contract

_MOST_CATEGORIES = 1000


def infer_contract(problem: Problem, frame: pd.DataFrame) -> Contract:
    """The Contract of a table: declared rules as the problem states them, all else as the data shows it.

    ProblemError when the problem names a column that the table lacks, or a kind or task that does not fit.

    >>> problem = Problem.model_validate({"name": "x", "data": {"source": "x.csv", "target": "y"}})
    >>> frame = pd.DataFrame({"a": [1.5, 2, 3], "b": ["u", "v", "u"], "y": [True, False, True]})
    >>> contract = infer_contract(problem, frame)
    >>> contract.task, contract.classes, [(column.name, column.kind) for column in contract.columns]
    ('binary', ['false', 'true'], [('a', 'numeric'), ('b', 'categorical')])
    """
    _named_columns_exist(problem, frame.columns)
    target = problem.data.target.column
    task = infer_task(problem, frame[target])
    classes, class_type = infer_classes(problem, task, frame[target])
    columns = _feature_columns(problem, frame)
    have = {column.name for column in columns}
    columns += [
        column for column in _other_columns(problem, frame) if column.name not in have and column.name != target
    ]
    if not any(column.feature for column in columns) and not problem.features.history:
        raise ProblemError(f"problem {problem.name!r}: no feature is left besides the target {target!r}")
    for column in columns:
        if is_reserved(column.name):
            raise ProblemError(
                f"column {column.name!r} has a name that Ratchet keeps for what it puts beside the columns: give it "
                "another one in data.source.sql, or list it under `ignored`"
            )
    used = {column.name for column in columns} | {target, problem.data.label_known_at, *problem.data.key}
    return Contract(
        problem=problem.name,
        task=task,
        target=target,
        classes=classes,
        class_type=class_type,
        time=problem.data.time,
        key=problem.data.key,
        label_known_at=problem.data.label_known_at,
        ignored=[str(name) for name in frame.columns if name not in used],
        columns=tuple(columns),
        made_from=made_from(problem),
    )


def made_from(problem: Problem) -> str:
    """Digest of what a contract depends on in the problem: when it changes, the contract is made anew."""
    parts: dict[str, Any] = {
        "data": problem.data.model_dump(mode="json", exclude={"source"}),
        "features": problem.features.model_dump(mode="json"),
        "task": problem.task,
        "groups": problem.split.groups,
        "slices": problem.good_enough.slices,
    }
    if problem.good_enough.protected:  # only then, so that contracts made before there were any stay in force
        parts["protected"] = problem.good_enough.protected
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def never_features(problem: Problem, names: Iterable[str]) -> set[str]:
    """Columns that are no feature unless listed: target, what makes it, what tells of it, a lone key."""
    data = problem.data
    hidden = {data.target.column, data.label_known_at}
    expression = data.target.expression or ""
    hidden |= {name for name in names if _mentioned(name, expression)}
    hidden |= {feature.known_at for feature in problem.features.history}
    hidden |= {feature.of for feature in problem.features.history}
    if len(data.key) == 1:
        hidden.add(data.key[0])
    return {name for name in hidden if name is not None}


def _mentioned(name: str, expression: str) -> bool:
    pattern = rf'(?<![\w"]){re.escape(name)}(?![\w"])|"{re.escape(name)}"'
    return bool(expression) and re.search(pattern, expression, re.IGNORECASE) is not None


def _named_columns_exist(problem: Problem, names: Sequence[str]) -> None:
    data, features = problem.data, problem.features
    named: dict[str, Iterable[str | None]] = {
        "data.target": [data.target.column],
        "data.time": [data.time],
        "data.key": data.key,
        "data.label_known_at": [data.label_known_at],
        "split.groups": [problem.split.groups],
        "good_enough.slices": problem.good_enough.slices,
        "good_enough.protected": problem.good_enough.protected,
        "features.overrides": features.overrides,
        "features.history": [one for each in features.history for one in (*each.by, each.of, each.known_at)],
    }
    for kind in ("numeric", "categorical", "datetime", "text", "ignored"):
        named[f"features.{kind}"] = getattr(features, kind)
    have = {str(name) for name in names}
    for place, wanted in named.items():
        for name in wanted:
            if name is not None and name not in have:
                close = difflib.get_close_matches(name, have, n=1)
                shown = ", ".join(repr(one) for one in list(names)[:20])
                hint = f"did you mean {close[0]!r}?" if close else f"it has {shown}"
                raise ProblemError(f"{place} names {name!r}, which the data does not have; {hint}")


def _feature_columns(problem: Problem, frame: pd.DataFrame) -> list[Column]:
    declared = problem.features.kinds()
    hidden = never_features(problem, [str(name) for name in frame.columns])
    columns = []
    for name in frame.columns:
        kind = declared.get(name)
        if kind is None:
            if name in hidden or is_reserved(name) or problem.features.others == "ignore":
                continue
            kind = "datetime" if name == problem.data.time else infer_kind(frame[name])
        if kind != "ignored":
            override = problem.features.overrides.get(name, Override())
            columns.append(describe_column(frame[name], kind, override, name in declared or name == problem.data.time))
    return columns


def _other_columns(problem: Problem, frame: pd.DataFrame) -> list[Column]:
    """What is no feature but needed: entities and the time (callers give them), outcomes, groups, slices, protected."""
    wanted: dict[str, tuple[Kind | None, bool]] = {}
    for feature in problem.features.history:
        wanted |= dict.fromkeys(feature.by, ("categorical", True))
    if problem.data.time:
        wanted[problem.data.time] = ("datetime", True)
    for feature in problem.features.history:
        if feature.of is not None:
            wanted.setdefault(feature.of, ("numeric", False))
        if feature.known_at is not None:
            wanted.setdefault(feature.known_at, ("datetime", False))
    if problem.split.groups:
        wanted.setdefault(problem.split.groups, ("categorical", False))
    for name in (*problem.good_enough.slices, *problem.good_enough.protected):
        wanted.setdefault(name, (None, False))
    columns = []
    for name, (kind, asked) in wanted.items():
        if name == problem.data.target.column:
            continue
        inferred: Kind = kind or infer_kind(frame[name])
        column = describe_column(
            frame[name], "categorical" if inferred == "ignored" else inferred, Override(), declared=True
        )
        columns.append(column.model_copy(update={"feature": False, "asked": asked}))
    return columns


def describe_column(series: pd.Series, kind: Kind, override: Override, declared: bool = False) -> Column:
    """The contract's Column of a series: what was seen, and the rules of its override.

    ProblemError when more than half of the values cannot be read as the declared kind.
    """
    boolean = _is_boolean(series)
    form = date_form(series) if kind == "datetime" else None
    values: Any
    if kind == "numeric":
        values, bad = to_numbers(series, boolean)
        missing, seen = np.isnan(values), _seen_numbers(values[np.isfinite(values)])
    elif kind == "datetime":
        values, bad = to_datetimes(series, form)
        missing, seen = np.isnat(values), _seen_moments(values[~np.isnat(values)])
    else:
        values, bad = category_texts(series), np.zeros(len(series), dtype=bool)
        missing, seen = pd.isna(values), _seen_texts(values, kind, boolean)
    filled = int(series.notna().sum())
    if declared and bad.sum() > 0.5 * filled:
        raise ProblemError(
            f"column {series.name!r} is declared {kind}, but {bad.sum()} of its {filled} values are none, "
            f"{describe(series[bad].iloc[0])} for one: list it under another kind"
        )
    share = float(missing.mean()) if len(series) else 0.0
    return Column(
        name=str(series.name),
        kind=kind,
        boolean=boolean,
        form=form,
        nullable=share > 0,
        missing=share,
        **seen,
        **override.model_dump(),
    )


def _is_boolean(series: pd.Series) -> bool:
    plain = plain_values(series.dropna().iloc[:1000])
    return plain.dtype.kind == "b" or bool(
        plain.dtype == object and pd.api.types.infer_dtype(plain, skipna=True) == "boolean"
    )


def _seen_numbers(values: NDArray[np.float64]) -> dict[str, Any]:
    if not len(values):
        return {}
    whole = bool((values == np.floor(values)).all())
    example = int(values[0]) if whole and abs(values[0]) < 2**53 else float(values[0])
    return {"integer": whole, "low": float(values.min()), "high": float(values.max()), "example": example}


def _seen_moments(values: NDArray[np.datetime64]) -> dict[str, Any]:
    if not len(values):
        return {}
    seconds = values.astype("int64") / 1e6
    return {
        "low": float(seconds.min()),
        "high": float(seconds.max()),
        "example": str(values[0].astype("M8[s]")),
    }


def _seen_texts(values: NDArray[np.object_], kind: Kind, boolean: bool) -> dict[str, Any]:
    distinct = pd.unique(values[~pd.isna(values)])
    if not len(distinct):
        return {}
    example = (distinct[0] == "true") if boolean else distinct[0][:200]
    few = kind == "categorical" and len(distinct) <= _MOST_CATEGORIES
    return {"seen": sorted(distinct) if few else None, "example": example}
