"""What differs between two releases, or between a release and its reproduction: facts, texts and answers."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from pipelines.core.evaluation.reference_table import scores_by_name

ROW = "__row"
_CONTEXT = 1
_ABSENT = "absent"


class Change(BaseModel):
    """One fact that is not the same on both sides; `before` or `after` is "absent" where a side has none."""

    model_config = ConfigDict(frozen=True)

    name: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.name}: {self.before} -> {self.after}"


class AnswerDifference(BaseModel):
    """How far the answers to the same rows are apart; `largest` is None where no row is on both sides."""

    model_config = ConfigDict(frozen=True)

    rows: int
    """Rows that both sides answered."""
    missing: int
    """Rows that only one side answered."""
    differing: int
    """Rows whose scores are not equal bit for bit."""
    largest: float | None
    unscored: int = 0
    """Rows of which one side has a score that the other lacks."""

    @property
    def same(self) -> bool:
        """Whether both answered the same rows, bit for bit alike."""
        return self.largest == 0 and not self.missing and not self.differing

    def near(self, tolerance: float) -> bool:
        """Whether both answered the same rows, no score further apart than `tolerance`."""
        return self.largest is not None and self.largest <= tolerance and not self.missing and not self.unscored


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Facts that differ, by their dotted names, in the order of their names.

    >>> [str(one) for one in changes({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": None})]
    ['a.c: 2 -> 3', 'd: absent -> None']
    """
    ours, theirs = _flat(before), _flat(after)
    return [
        Change(name=name, before=ours.get(name, _ABSENT), after=theirs.get(name, _ABSENT))
        for name in sorted(ours | theirs)
        if name not in ours or name not in theirs or not _equal(ours[name], theirs[name])
    ]


def text_changes(before: str, after: str) -> list[str]:
    """The lines of a unified diff of two texts, without its head; empty where they are equal.

    >>> text_changes("a: 1\\nb: 2\\n", "a: 1\\nb: 3\\n")
    ['@@ -1,2 +1,2 @@', ' a: 1', '-b: 2', '+b: 3']
    """
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=_CONTEXT)
    return list(lines)[2:]


def predictions_digest(reference: pd.DataFrame) -> str:
    """SHA-256 of the answers to held-out rows: each row's id and its scores, bit for bit, in the order of the ids.

    `reference`: a table of `reference_table`. The digest does not
    depend on the rows' order, the file's format or any library's version.

    >>> frame = pd.DataFrame({"__row": ["a", "b"], "prediction": [1.0, 2.0]})
    >>> predictions_digest(frame) == predictions_digest(frame[::-1]), len(predictions_digest(frame))
    (True, 64)
    """
    ids, scores = answers(reference)
    sha = hashlib.sha256(f"ratchet predictions 1, {len(ids)} rows, {', '.join(scores.columns)}".encode())
    for one in ids:
        sha.update(f"\0{one}".encode())
    values = scores.to_numpy(dtype=np.float64)
    sha.update(np.ascontiguousarray(np.where(np.isnan(values), np.nan, values) + 0.0).tobytes())
    return sha.hexdigest()


def compare_answers(before: pd.DataFrame, after: pd.DataFrame) -> AnswerDifference:
    """How far two references' answers are apart, row by row; a score that only one side has counts as differing.

    >>> one = pd.DataFrame({"__row": ["a", "b"], "prediction": [1.0, 2.0]})
    >>> found = compare_answers(one, one.assign(prediction=[1.0, 2.5]))
    >>> found.rows, found.differing, found.largest, found.same
    (2, 1, 0.5, False)
    """
    sides = [scores.set_axis(ids) for ids, scores in (answers(before), answers(after))]
    shared = sides[0].index.intersection(sides[1].index)
    missing = len(sides[0]) + len(sides[1]) - 2 * len(shared)
    if not len(shared):
        return AnswerDifference(rows=0, missing=missing, differing=0, largest=None)
    columns = sorted(set(sides[0].columns) | set(sides[1].columns))
    ours, theirs = (one.loc[shared].reindex(columns=columns).to_numpy(dtype=np.float64) for one in sides)
    apart = np.where(np.isnan(ours) & np.isnan(theirs), 0.0, np.abs(ours - theirs))
    lacking = np.isnan(apart)
    return AnswerDifference(
        rows=len(shared),
        missing=missing,
        differing=int((apart != 0).any(axis=1).sum()),
        largest=None if lacking.all() else float(np.nanmax(apart)),
        unscored=int(lacking.any(axis=1).sum()),
    )


def answers(reference: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """The rows' ids, shape (n,), and their scores by column, both in the order of the ids."""
    ids = reference[ROW].to_numpy(dtype=object).astype(str)
    order = np.argsort(ids, kind="stable")
    return ids[order], scores_by_name(reference).iloc[order].reset_index(drop=True)


def _flat(facts: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in facts.items():
        dotted = f"{above}{name}"
        if isinstance(value, Mapping) and value:
            found |= _flat(value, f"{dotted}.")
        else:
            found[dotted] = value
    return found


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other) or (one != one and other != other)
