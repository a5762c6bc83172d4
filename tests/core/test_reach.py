"""How far back a training reaches: past a break it starts anew, and where nothing broke it takes all rows."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.inference import infer_contract
from pipelines.core.problem import Problem
from pipelines.core.reach import Reach, find_reach, sides_in_reach
from pipelines.core.row_ids import row_ids
from pipelines.core.splitting import split

DAY, START = np.timedelta64(1, "D"), np.datetime64("2024-01-01", "us")


def _problem(**settings: Any) -> Problem:
    data = {"source": "x.csv", "target": "y", "time": "t"}
    return Problem.model_validate({"name": "x", "data": data, "split": settings})


def _table(days: int, turn: int | None, rows: int = 60, task: str = "binary", delay: int = 0, seed: int = 0) -> Any:
    """What `a` says of the label turns round on day `turn`; labels are known `delay` days later."""
    source = np.random.default_rng(seed)
    times = START + np.sort(source.integers(0, days * 86_400, days * rows)).astype("timedelta64[s]")
    a, b = source.normal(size=(2, len(times)))
    sign = np.where(times < START + (days if turn is None else turn) * DAY, 1.0, -1.0)
    signal = 1.5 * sign * a + b
    y = (
        signal + source.normal(size=len(a))
        if task == "regression"
        else source.random(len(a)) < 1 / (1 + np.exp(-signal))
    )
    raw = pd.DataFrame({"t": times, "a": a, "b": b, "y": y})
    problem = _problem()
    contract = infer_contract(problem, raw)
    labels = y.astype(float)
    labels[times + delay * DAY >= START + days * DAY] = np.nan
    return raw.assign(__row=row_ids(contract, raw), __time=times, __known_at=times + delay * DAY, __y=labels), contract


def _found(table: pd.DataFrame, contract: Any, held_out: float = 0.2) -> Reach | None:
    return find_reach(table, _problem(), contract, [], int(held_out * table["__y"].notna().sum()))


@pytest.mark.parametrize("task", ["binary", "regression"])
@pytest.mark.parametrize("since", [12, 30])
def test_a_training_reaches_back_to_the_break(task: str, since: int) -> None:
    found = _found(*_table(100, 100 - since, task=task, delay=1))
    assert found is not None
    turn = START + (100 - since) * DAY
    assert turn - since * DAY / 4 < found.since < found.validation < found.test
    assert found.validation > turn
    assert 0 < found.low < found.gain


@pytest.mark.parametrize("seed", range(4))
def test_where_nothing_broke_all_rows_count(seed: int) -> None:
    assert _found(*_table(100, None, seed=seed)) is None


def test_a_break_that_labels_hardly_tell_of_yet_is_not_seen() -> None:
    assert _found(*_table(100, 98)) is None
    assert _found(*_table(100, 88, delay=10)) is None


def test_the_held_out_rows_are_not_looked_at() -> None:
    """Whatever their labels are, the sides are the same."""
    table, contract = _table(100, 60)
    found = _found(table, contract)
    assert found is not None
    other = table.assign(__y=np.where(table["__time"] >= found.test, 1 - table["__y"], table["__y"]))
    assert other["__y"].ne(table["__y"]).sum() > 300
    again = _found(other, contract)
    assert again == found


def test_a_column_that_has_turned_empty_says_nothing() -> None:
    table, contract = _table(100, 60)
    table.loc[table["__time"] >= START + 50 * DAY, "b"] = np.nan
    found = _found(table, contract)
    assert found is not None


def test_the_order_of_rows_is_no_difference() -> None:
    table, contract = _table(60, 40)
    assert _found(table, contract) == _found(table.sample(frac=1, random_state=1), contract) is not None


def test_sides_are_complete_and_in_order() -> None:
    table, contract = _table(100, 70, delay=2)
    table["__side"] = split(table, _problem(), "binary")
    sides = pd.Series(sides_in_reach(table, _problem(), contract))
    assert list(sides.unique()) == ["older", "train", "validation", "test", "unlabelled"]
    times = table["__time"].groupby(sides)
    order = ["older", "train", "validation", "test"]
    for one, next_one in pairwise(order):
        assert times.max()[one] < times.min()[next_one]
    assert (sides == "unlabelled").sum() == table["__y"].isna().sum()


def test_who_does_not_want_it_keeps_all_rows() -> None:
    table, contract = _table(100, 70)
    for settings in ({"forget": False}, {"method": "random"}):
        problem = _problem(**settings)
        table["__side"] = split(table, problem, "binary")
        assert (sides_in_reach(table, problem, contract) == table["__side"]).all()


def test_a_small_table_is_left_alone() -> None:
    table, contract = _table(20, 10, rows=10)
    table["__side"] = split(table, _problem(), "binary")
    assert (sides_in_reach(table, _problem(), contract) == table["__side"]).all()
