"""Exact counts say of each cell what the contract's own check says, in whatever form and pieces the cells come."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from pipelines.core.contract import Column, Contract, check
from pipelines.core.watching.exact_counts import ExactCounts

COLUMNS = (
    Column(name="n", kind="numeric", low=0, high=10, minimum=-5, maximum=50),
    Column(name="needed", kind="numeric", required=True),
    Column(name="flag", kind="numeric", boolean=True),
    Column(name="c", kind="categorical", seen=["a", "b", "1", "true"]),
    Column(name="closed", kind="categorical", categories=["a", "b"], seen=["a"], required=True),
    Column(name="t", kind="text"),
    Column(name="d", kind="datetime"),
    Column(name="skipped", kind="ignored"),
)
CONTRACT = Contract(problem="p", task="regression", target="y", columns=COLUMNS)
CELLS: Any = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-100, 100),
    st.sampled_from([10**400, -(2**70)]),
    st.floats(-100, 100),
    st.sampled_from([math.nan, math.inf, "", "a", "b", "ü", "7", "NA", "true", "2024-01-01", "2024-01-01T10:00:00Z"]),
    st.just([1]),
)
NAMES = [one.name for one in COLUMNS if one.kind != "ignored"]
ROWS = st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, CELLS)), max_size=12)


def truth(rows: list[dict[str, Any]]) -> dict[str, tuple[int, int, int, int]]:
    frame = pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=object) for name in NAMES})
    checked = check(CONTRACT, frame)
    broken = checked.issues["feature"].value_counts()
    found = {}
    for column in COLUMNS[:-1]:
        values = checked.frame[column.name]
        present = values[values.notna()]
        unseen = 0 if column.kind != "categorical" or column.seen is None else int((~present.isin(column.seen)).sum())
        outside = int((~present.between(column.low, column.high)).sum()) if column.low is not None else 0
        found[column.name] = (int(values.isna().sum()), unseen, outside, int(broken.get(column.name, 0)))
    return found


def counted(pieces: list[list[dict[str, Any]]]) -> dict[str, tuple[int, int, int, int]]:
    counts = ExactCounts(CONTRACT)
    for rows in pieces:
        counts.add(len(rows), {name: [row[name] for row in rows] for name in NAMES}, None)
    return {one.name: (one.missing, one.unseen, one.outside, one.broken) for one in counts.columns}


@limits(max_examples=60)
@given(ROWS)
def test_any_cells_are_counted_as_the_contract_judges_them(rows: list[dict[str, Any]]) -> None:
    assert counted([rows]) == truth(rows)


@limits(max_examples=30)
@given(ROWS, st.integers(0, 12))
def test_pieces_add_up(rows: list[dict[str, Any]], cut: int) -> None:
    assert counted([rows[:cut], rows[cut:]]) == counted([rows])


def test_arrays_and_absent_columns() -> None:
    counts = ExactCounts(CONTRACT, ["rate"])
    dates = np.array(["2024-01-01", "NaT"], dtype="M8[us]")
    counts.add(2, {"n": np.array([np.nan, np.inf]), "d": dates, "c": np.array(["a", "z"], dtype=object)}, None)
    counts.add(1, {"n": np.array([12.0]), "needed": [1]}, {"rate": np.array([0.5])})
    found = {one.name: (one.missing, one.unseen, one.outside, one.broken) for one in counts.columns}
    assert counts.rows == 3
    assert found["n"] == (2, 0, 1, 1)
    assert found["needed"] == (2, 0, 0, 2)
    assert found["c"] == (1, 1, 0, 0)
    assert found["d"] == (2, 0, 0, 0)
    assert found["rate"] == (2, 0, 0, 0)
    assert "skipped" not in found
