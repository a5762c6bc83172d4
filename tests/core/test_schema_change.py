"""What changed between the contract in force and the table that has come."""

from __future__ import annotations

import pandas as pd

from pipelines.core.inference import infer_contract
from pipelines.core.problem import Problem
from pipelines.core.schema_change import schema_change

FRAME = pd.DataFrame(
    {
        "id": ["a", "b", "c", "d"] * 10,
        "x": [1.5, 2.0, 3.0, 4.0] * 10,
        "when": pd.date_range("2013-01-01", periods=40).astype(str),
        "y": ["u", "v", "w", "u"] * 10,
        "empty": None,
    }
)
PROBLEM = Problem.model_validate({"name": "x", "data": {"source": "x.csv", "target": "y"}})
OLD = infer_contract(PROBLEM, FRAME)


def test_the_same_table_is_no_change() -> None:
    assert schema_change(OLD, FRAME).kind == "none"
    assert schema_change(OLD, FRAME[FRAME.columns[::-1]]).kind == "none"


def test_new_and_gone_ignored_columns_are_compatible() -> None:
    change = schema_change(OLD, FRAME.drop(columns="empty").assign(extra=1))
    assert change.kind == "compatible"
    assert any("'extra' is new" in one for one in change.messages)
    assert any("'empty', which was ignored, is gone" in one for one in change.messages)


def test_what_breaks_is_named() -> None:
    for changed, message in [
        (FRAME.drop(columns="x"), "column 'x' is missing"),
        (FRAME.drop(columns="y"), "column 'y' is missing"),
        (FRAME.assign(x="word"), "column 'x' is no longer numeric: 40 of 40 values are none"),
        (FRAME.assign(when="later"), "column 'when' is no longer datetime"),
        (FRAME.assign(y=["u", "v", "w", "new"] * 10), "the target 'y' has new classes: new"),
    ]:
        change = schema_change(OLD, changed)
        assert change.kind == "breaking"
        assert any(message in one for one in change.messages)


def test_a_few_bad_values_and_new_categories_are_no_change_of_schema() -> None:
    assert schema_change(OLD, FRAME.assign(x=["word"] + ["1"] * 39, id="never seen")).kind == "none"
