"""Why rows are set aside."""

from __future__ import annotations

import pandas as pd

from pipelines.core.contract_rows import check
from pipelines.core.quarantine import find_reasons
from pipelines.core.schema import Column, Contract

CONTRACT = Contract(
    problem="x",
    task="regression",
    target="y",
    time="t",
    key=["id"],
    columns=(Column(name="a", kind="numeric", minimum=0), Column(name="t", kind="datetime")),
)
GOOD = {"id": "1", "a": 1, "t": "2013-01-01", "y": 1.0}


def _reasons(*rows: dict[str, object]) -> list[str | None]:
    frame = pd.DataFrame([{**GOOD, "id": str(number), **row} for number, row in enumerate(rows)], dtype=object)
    return find_reasons(CONTRACT, frame, check(CONTRACT, frame)).tolist()


def test_each_fault_is_named_and_a_fine_row_has_none() -> None:
    assert _reasons({}, {"a": -1}, {"t": None}, {"y": float("inf")}, {"y": None}, {"id": None}) == [
        None,
        "a: -1 is less than the minimum 0",
        "t: the time is missing",
        "y: the target is no finite number",
        None,
        "id: a part of the key is missing",
    ]


def test_all_faults_of_a_row_are_named() -> None:
    assert _reasons({"a": "x", "y": "z"}) == ["a: expected a number, got 'x'; y: the target is no finite number"]


def test_of_a_repeated_key_one_fine_row_stays_whatever_the_order() -> None:
    rows: list[dict[str, object]] = [
        {"id": "k", "a": 1},
        {"id": "k", "a": 2},
        {"id": "k", "a": -1},
        {"id": "k", "a": 3},
    ]
    kept = set()
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]):
        reasons = _reasons(*(rows[one] for one in order))
        assert reasons.count("id: the key is repeated") == 2
        assert reasons.count(None) == 1
        kept.add(order[reasons.index(None)])
    assert len(kept) == 1
