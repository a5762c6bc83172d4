"""Which rows train, validate and test: the newest are held out if there is a time, else a hash decides."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.core.errors import NotEnoughData, ProblemError
from pipelines.core.kinds import category_texts
from pipelines.core.problem import Problem, Split, Task

SMALL = 2000
"""Below so many labelled rows shares are met exactly, by rank; from there on a row keeps its side."""

MANY = 2000
"""Held-out rows that are enough: only beyond them `split.longest` counts."""

_LEAST = 10
Sides = NDArray[np.object_]


def split(frame: pd.DataFrame, problem: Problem, task: Task) -> Sides:
    """The side of each row: "train", "validation", "test" or, where `__y` is missing, "unlabelled".

    `frame` has `__time`, `__y`, `__row` and, if the problem groups rows, that column. Equal times and equal
    groups stay on one side. NotEnoughData when fewer than ten rows are labelled or a side is empty.

    >>> data = {"source": "x.csv", "target": "y", "time": "t"}
    >>> problem = Problem.model_validate({"name": "x", "data": data})
    >>> days = pd.date_range("2013-01-01", periods=10)
    >>> frame = pd.DataFrame({"__time": days, "__y": 1.0, "__row": [str(day) for day in days]})
    >>> split(frame, problem, "regression").tolist()[5:]
    ['train', 'validation', 'validation', 'test', 'test']
    """
    settings = problem.split
    sides = np.full(len(frame), "unlabelled", dtype=object)
    labelled = np.flatnonzero(frame["__y"].notna().to_numpy())
    if len(labelled) < _LEAST:
        raise NotEnoughData(f"{len(labelled)} labelled rows are too few to split: {_LEAST} are needed at least")
    rows = frame.iloc[labelled]
    if settings.method == "time" or (settings.method == "auto" and problem.data.time is not None):
        if settings.groups is not None and settings.method == "time":
            raise ProblemError("split.groups needs a random split: leave one of split.groups and method: time out")
        if settings.groups is None:
            sides[labelled] = _by_time(rows["__time"].to_numpy(), settings)
            return _complete(sides, settings)
    if settings.groups is not None:
        groups = pd.Series(category_texts(rows[settings.groups]), index=rows.index)
        groups = groups.where(groups.notna(), "row " + rows["__row"])  # rows without a group stand alone
        codes, distinct = pd.factorize(groups)
        by_hash = _by_rank if len(labelled) < SMALL else _by_share
        sides[labelled] = by_hash(_hashes(distinct.to_numpy(), settings.seed), settings)[codes]
        return _complete(sides, settings)
    hashes = _hashes(rows["__row"].to_numpy(), settings.seed)
    if len(labelled) >= SMALL:
        sides[labelled] = _by_share(hashes, settings)
        return _complete(sides, settings)
    strata = rows["__y"].to_numpy() if task != "regression" else np.zeros(len(rows))
    for stratum in np.unique(strata):
        members = strata == stratum
        sides[labelled[members]] = _by_rank(hashes[members], settings)
    return _complete(sides, settings)


def test_start(frame: pd.DataFrame) -> np.datetime64:
    """The earliest `__time` of the test side; NaT when the split is not by time or has no times.

    A split is by time when no training row is as late as the first test row.
    """
    return _start(frame, "test", ("train", "validation"))


def validation_start(frame: pd.DataFrame) -> np.datetime64:
    """The earliest `__time` of the validation side; NaT when the split is not by time or has no times."""
    return _start(frame, "validation", ("train",))


test_start.__test__ = False  # type: ignore[attr-defined]  # pytest would collect it by its name


def known_before(frame: pd.DataFrame, moment: Any) -> NDArray[np.bool_]:
    """Whether each row's label was known strictly before `moment`; all rows when `moment` is NaT.

    >>> rows = pd.DataFrame({"__known_at": pd.to_datetime(["2013-01-01", "2013-01-02", None])})
    >>> known_before(rows, np.datetime64("2013-01-02")).tolist()
    [True, False, False]
    """
    if pd.isna(moment):
        return np.ones(len(frame), dtype=bool)
    known: NDArray[np.bool_] = frame["__known_at"].to_numpy() < np.datetime64(moment, "us")
    return known


def _start(frame: pd.DataFrame, side: str, before: tuple[str, ...]) -> np.datetime64:
    nothing = np.datetime64("NaT", "us")
    held_out = frame.loc[frame["__side"] == side, "__time"]
    earlier = frame.loc[frame["__side"].isin(before), "__time"]
    if held_out.isna().any() or held_out.empty or (earlier >= held_out.min()).any():
        return nothing
    return np.datetime64(held_out.min(), "us")


def _by_time(times: NDArray[np.datetime64], settings: Split) -> Sides:
    """The newest rows test, the newest of the rest validate; equal times never straddle."""
    distinct, counts = np.unique(times, return_counts=True)
    before = np.concatenate([[0], np.cumsum(counts)])  # rows older than each distinct time, and all
    test = _cut(before, len(times) - _held_out(distinct, before, settings.test, settings))
    earlier = before[: test + 1]
    validation = _cut(earlier, before[test] - _held_out(distinct[:test], earlier, settings.validation, settings))
    sides = np.full(len(times), "train", dtype=object)
    position = np.searchsorted(distinct, times)
    sides[position >= validation] = "validation"
    sides[position >= test] = "test"
    return sides


def _held_out(distinct: NDArray[np.datetime64], before: NDArray[np.int64], share: float, settings: Split) -> float:
    """How many of the newest rows are held out: the share, but what is many and lies in `split.longest` is enough."""
    rows = int(before[-1])
    if settings.longest is None:
        return rows * share
    first = int(np.searchsorted(distinct, distinct[-1] - np.timedelta64(settings.longest), "right"))
    return min(rows * share, max(float(MANY), float(rows - before[first])))


def _cut(before: NDArray[np.int64], wanted: float) -> int:
    """The boundary between distinct times that leaves nearest to `wanted` rows before it, and some after."""
    if len(before) <= 2:
        return len(before) - 1
    return 1 + int(np.argmin(np.abs(before[1:-1] - wanted)))


def _by_share(hashes: NDArray[np.float64], settings: Split) -> Sides:
    rest = 1 - settings.test
    sides = np.where(hashes < rest * (1 - settings.validation), "train", "validation").astype(object)
    sides[hashes >= rest] = "test"
    return sides


def _by_rank(hashes: NDArray[np.float64], settings: Split) -> Sides:
    """Exact shares of a small stratum: one with a single row trains, one with two also tests."""
    ranks = np.argsort(np.argsort(hashes, kind="stable"), kind="stable")
    size = len(hashes)
    test = min(max(round(size * settings.test), 1 if size > 1 else 0), size - 1)
    validation = min(max(round((size - test) * settings.validation), 1 if size > 2 else 0), size - test - 1)
    sides = np.full(size, "train", dtype=object)
    sides[ranks >= size - test - validation] = "validation"
    sides[ranks >= size - test] = "test"
    return sides


def _hashes(keys: NDArray[np.object_], seed: int) -> NDArray[np.float64]:
    """A number in [0, 1) for each key that depends on nothing but the key and the seed (SipHash)."""
    salt = hashlib.sha256(f"split {seed}".encode()).hexdigest()[:16]
    hashed = pd.util.hash_array(keys.astype(object), hash_key=salt, categorize=True)
    return (hashed >> np.uint64(11)).astype(np.float64) / 2.0**53


def _complete(sides: Sides, settings: Split) -> Sides:
    for side in ("train", "validation", "test"):
        if not (sides == side).any():
            raise NotEnoughData(
                f"the split leaves no row to {side}: split.test {settings.test:g} and split.validation "
                f"{settings.validation:g} need more labelled rows, or more different times or groups"
            )
    return sides
