"""What changed between the contract in force and the table that has come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from pipelines.core.kinds import category_texts, to_datetimes, to_numbers
from pipelines.core.schema import Column, Contract

_UNREADABLE = 0.5  # above this share of unreadable values a column has another kind, it is not just dirty


@dataclass(frozen=True)
class SchemaChange:
    """A named change: `compatible` is taken in and told, `breaking` stops until a person accepts it."""

    kind: Literal["none", "compatible", "breaking"]
    messages: list[str]


def schema_change(old: Contract, frame: pd.DataFrame) -> SchemaChange:
    """How `frame` differs from the contract in force.

    >>> columns = (Column(name="a", kind="numeric"),)
    >>> old = Contract(problem="x", task="regression", target="y", columns=columns)
    >>> schema_change(old, pd.DataFrame({"y": [1.0]}))
    SchemaChange(kind='breaking', messages=["column 'a' is missing"])
    """
    breaking = list(_breaking(old, frame))
    known = old.known_names
    new = [f"column {name!r} is new: ignored until the contract is made anew" for name in frame if name not in known]
    gone = [f"column {name!r}, which was ignored, is gone" for name in old.ignored if name not in frame.columns]
    if breaking:
        return SchemaChange("breaking", breaking + new + gone)
    return SchemaChange("compatible" if new or gone else "none", new + gone)


def _breaking(old: Contract, frame: pd.DataFrame) -> Iterator[str]:
    columns = set(frame.columns)
    for name in dict.fromkeys([old.target, old.time, old.label_known_at, *old.key]):
        if name is not None and name not in columns:
            yield f"column {name!r} is missing"
    for column in old.columns:
        if column.name not in columns:
            if column.name != old.time and column.name not in old.key:
                yield f"column {column.name!r} is missing"
            continue
        bad, filled = _unreadable(column, frame[column.name])
        if bad > _UNREADABLE * filled:
            yield f"column {column.name!r} is no longer {column.kind}: {bad} of {filled} values are none"
    if old.classes is not None and old.target in columns:
        texts = pd.Series(category_texts(frame[old.target])).dropna()
        if old.class_type == "boolean":
            texts = texts.str.lower().replace({"1": "true", "0": "false"})
        new = sorted(set(texts.unique()) - set(old.classes))
        if new:
            shown = ", ".join(new[:5]) + (f" and {len(new) - 5} more" if len(new) > 5 else "")
            yield f"the target {old.target!r} has new classes: {shown}"


def _unreadable(column: Column, series: pd.Series) -> tuple[int, int]:
    if column.kind == "numeric":
        _, bad = to_numbers(series, column.boolean)
    elif column.kind == "datetime":
        _, bad = to_datetimes(series, column.form)
    else:
        return 0, len(series)
    return int(bad.sum()), int(series.notna().sum())
