"""A first reading of a table: which columns are what, and what a person should look at before trusting them.

Everything here is a guess from the data alone: the draft that it ends in is for a person to decide on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.core.class_inference import infer_classes, infer_task, likely_positive
from pipelines.core.errors import ProblemError
from pipelines.core.facts import describe_target, describe_values, one_line
from pipelines.core.first_look import is_nested, may_be_moments, repeated_rows, rows_a_week, spelling_variants
from pipelines.core.identifiers import choose_key, identifies_an_entity, identifies_rows, is_named_id, is_reserved
from pipelines.core.kinds import category_texts, date_form, infer_kind, to_datetimes, to_numbers
from pipelines.core.leaks import Suspicion, suspect_leaks
from pipelines.core.problem import Kind, Problem, Task
from pipelines.core.schema import Contract
from pipelines.core.target_codes import encode_target

KINDS: tuple[Kind, ...] = ("numeric", "categorical", "datetime", "text", "ignored")
LOOKED_AT = 200_000
"""Rows that kinds and ranges are read from; a seeded sample where there are more."""
_MEASURED = 20_000_000
"""Cells that the search for leaks looks at, in at most 20,000 rows."""


@dataclass(frozen=True)
class DraftedColumn:
    """A column's kind with the facts behind it; `suspicion` is what a person should decide."""

    name: str
    kind: Kind
    facts: str
    suspicion: Suspicion | None = None


@dataclass(frozen=True)
class Draft:
    """What the table suggests: never more than a guess."""

    target: str
    target_facts: str
    task: Task
    time: str | None
    key: str | None
    columns: tuple[DraftedColumn, ...]
    rows: int
    labelled: int
    time_candidates: tuple[DraftedColumn, ...] = ()
    """Columns that hold moments, where no time column was given."""
    repeated: int = 0
    """Rows that equal an earlier one in every column but the identifiers; none where they are few."""
    variants: tuple[str, ...] = ()
    """Classes of the target that differ in nothing but case and spaces."""
    a_week: float | None = None
    """Rows in an ordinary week, by the time column; none without one, or where the rows span less than a week."""
    positive: str | None = None
    """The class that is rather asked about, where it is not the one that the order of the classes would make it."""

    @property
    def suspicions(self) -> list[Suspicion]:
        """The columns that may know too much, the surest first."""
        found = [column.suspicion for column in self.columns if column.suspicion]
        return sorted(found, key=lambda one: (not one.sure, -one.score))

    def of_kind(self, kind: Kind) -> list[DraftedColumn]:
        """The columns of one kind, in the table's order."""
        return [column for column in self.columns if column.kind == kind]


def draft(
    frame: pd.DataFrame, target: str, time: str | None = None, drop: Sequence[str] = (), task: Task | None = None
) -> Draft:
    """The draft of a problem from a table's values; column names must be distinct texts, `task` overrules the guess.

    ProblemError when a named column does not exist or does not fit, NotEnoughData when the target cannot be
    learned.

    >>> n = np.arange(60)
    >>> frame = pd.DataFrame({"id": n + 100, "size": n % 7, "sold": n % 2 == 0})
    >>> drafted = draft(frame, "sold")
    >>> drafted.task, drafted.key, [(column.name, column.kind) for column in drafted.columns]
    ('binary', 'id', [('size', 'numeric')])
    """
    _check_names(frame, target, time, drop)
    problem = Problem.model_validate({"name": "draft", "task": task, "data": {"source": "draft", "target": target}})
    task = infer_task(problem, frame[target])
    classes, class_type = infer_classes(problem, task, frame[target])
    positive = (
        likely_positive(classes, frame[target]) if classes and task == "binary" and class_type == "text" else None
    )
    if classes and positive == classes[0]:
        classes = classes[::-1]
    else:
        positive = None
    contract = Contract(problem="draft", task=task, target=target, classes=classes, class_type=class_type, columns=())
    key = choose_key(frame, [name for name in frame.columns if name not in (target, time, *drop)])
    seen = frame if len(frame) <= LOOKED_AT else frame.sample(LOOKED_AT, random_state=0).sort_index()
    columns = [
        _read_column(frame[name], seen[name], name in drop, name == time)
        for name in frame.columns
        if name not in (target, key)
    ]
    suspicions = _suspect(seen, _codes(contract, seen[target]), task, columns, time)
    columns = [DraftedColumn(column.name, column.kind, column.facts, suspicions.get(column.name)) for column in columns]
    moments = [column for column in columns if column.kind == "datetime" and frame[column.name].notna().mean() > 0.9]
    return Draft(
        target=target,
        target_facts=describe_target(frame[target], task, classes),
        task=task,
        time=time,
        key=key,
        columns=tuple(columns),
        rows=len(frame),
        labelled=int(frame[target].notna().sum()),
        time_candidates=() if time else tuple(moments),
        repeated=repeated_rows(frame, [key, *(column.name for column in columns if column.kind == "ignored")]),
        variants=tuple(spelling_variants(frame[target])) if classes else (),
        a_week=None if time is None else rows_a_week(frame[time]),
        positive=positive,
    )


def _check_names(frame: pd.DataFrame, target: str, time: str | None, drop: Sequence[str]) -> None:
    for option, names in (
        ("--target", [target]),
        ("--time", [time] if time is not None else []),
        ("--drop", drop),
    ):
        for name in names:
            if name not in frame.columns:
                raise ProblemError(f"{option} names {name!r}, which the table does not have; {_hint(name, frame)}")
    if target in (time, *drop):
        raise ProblemError(f"the target {target!r} may not be the time column or be dropped: choose another column")
    if time in drop:
        raise ProblemError(f"the time column {time!r} may not be dropped: leave one of --time and --drop out")
    if time is not None:
        bad = to_datetimes(frame[time], date_form(frame[time]))[1]
        if bad.sum() > 0.5 * frame[time].notna().sum() or frame[time].isna().all():
            raise ProblemError(f"--time names {time!r}, which holds no dates or times: {_example(frame[time])}")


def _hint(name: str, frame: pd.DataFrame) -> str:
    by_fold = {str(one).strip().casefold(): str(one) for one in frame.columns}
    close = get_close_matches(name.strip().casefold(), by_fold, n=3)
    if close:
        return "did you mean " + " or ".join(repr(by_fold[one]) for one in close) + "?"
    shown = ", ".join(repr(str(one)) for one in frame.columns[:20])
    return f"it has {shown}" + (f" and {frame.shape[1] - 20} more" if frame.shape[1] > 20 else "")


def _example(series: pd.Series) -> str:
    filled = series.dropna()
    return f"{filled.iloc[0]!r} for one" if len(filled) else "it is empty"


def _read_column(whole: pd.Series, seen: pd.Series, dropped: bool, is_time: bool) -> DraftedColumn:
    name = str(whole.name)
    if is_time:
        return DraftedColumn(name, "datetime", "the time column's own calendar, " + describe_values(seen, "datetime"))
    if dropped:
        return DraftedColumn(name, "ignored", "left out by --drop")
    if is_reserved(name):
        return DraftedColumn(name, "ignored", "Ratchet keeps this name for itself: give it another in data.source.sql")
    if whole.isna().all():
        return DraftedColumn(name, "ignored", "empty")
    if is_nested(seen):
        return DraftedColumn(name, "ignored", "nested values: take what matters out in data.source.sql")
    kind = infer_kind(seen)
    if kind == "numeric" and len(seen) < len(whole):
        kind = infer_kind(whole)  # a rare text among the numbers, or a count of the rows, shows in the whole only
    reason = identifies_rows(whole, kind) or identifies_an_entity(whole, kind)
    if reason:
        return DraftedColumn(name, "ignored", f"identifier: {reason}")
    if kind == "numeric" and is_named_id(name):
        kind = "categorical"
    if _is_constant(whole):
        return DraftedColumn(name, "ignored", f"the same in every row: {one_line(str(whole.iloc[0]))}")
    facts = describe_values(seen, kind)
    if kind == "numeric" and may_be_moments(seen):
        facts += "; if these are moments since 1970, list it under datetime"
    if kind == "categorical" and spelling_variants(seen):
        facts += "; some differ in case or spaces only"
    return DraftedColumn(name, kind, facts)


def _is_constant(series: pd.Series) -> bool:
    """Whether all rows have the same value, none missing; the first two tell in most cases."""
    first = category_texts(series.iloc[:2])
    if len(first) < 2 or first[0] is None or first[0] != first[1]:
        return False
    return len(pd.unique(category_texts(series))) == 1


def _codes(contract: Contract, target: pd.Series) -> NDArray[np.float64]:
    if contract.classes is not None:
        return encode_target(contract, target)
    numbers = to_numbers(target, booleans=True)[0]
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _suspect(
    frame: pd.DataFrame,
    y: NDArray[np.float64],
    task: Task,
    columns: Sequence[DraftedColumn],
    time: str | None,
) -> dict[str, Suspicion]:
    """The leaks suspected among the columns that are kept, measured on a sample when there are many cells."""
    kinds = {column.name: column.kind for column in columns if column.kind != "ignored" and column.name != time}
    rows = int(np.clip(_MEASURED // max(len(kinds), 1), 2_000, 20_000))
    if len(frame) <= rows:
        return suspect_leaks(frame, y, task, kinds)
    chosen = np.sort(np.random.default_rng(0).choice(len(frame), rows, replace=False))
    return suspect_leaks(frame.iloc[chosen], y[chosen], task, kinds)
