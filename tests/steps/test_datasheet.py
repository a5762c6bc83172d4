"""The datasheet of a snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.contract import check, infer_contract
from pipelines.core.problem import Problem
from pipelines.steps.datasheet import write_datasheet
from pipelines.stores.problems.problem_files import LoadedProblem

FRAME = pd.DataFrame(
    {
        "a|b": [1.5, 2.5, np.nan, 4.0] * 5,
        "c": ["u", "v", None, "u"] * 5,
        "t": pd.date_range("2013-01-01", periods=20),
        "empty": None,
        "y": ["no", "no", None, "yes"] * 5,
    }
)
REASONS = ("a: is | odd", "a: is | odd", "b")


def _sheet(folder: Path, frame: pd.DataFrame, reasons: Sequence[str] = REASONS, **data: Any) -> str:
    data = {"source": "a.csv", "target": "y", "time": "t", **data}
    problem = Problem.model_validate({"name": "x", "question": "Why?", "data": data})
    contract = infer_contract(problem, frame)
    table = check(contract, frame).frame.assign(y=frame["y"])
    loaded = LoadedProblem(problem, "", folder / "x.yaml", folder)
    write_datasheet(folder / "x.md", loaded, contract, table, "ab" * 32, datetime(2013, 2, 1, tzinfo=UTC), reasons)
    return (folder / "x.md").read_text()


def test_a_datasheet_says_what_is_in_the_table(tmp_path: Path) -> None:
    text = _sheet(tmp_path, FRAME)
    for line in (
        "# Datasheet: x",
        "| Rows | 20 |",
        "| Rows with a label | 15 |",
        "| Period | 2013-01-01 00:00:00 to 2013-01-20 00:00:00 (t) |",
        "| Labels | no 66.7%, yes 33.3% |",
        "| `a\\|b` | numeric | feature | 25% | 1.5 to 4, median 2.5 |",
        "| `c` | categorical | feature | 25% | 2 different: u 10, v 5 |",
        "| Columns not stored | empty |",
        "| a: is \\| odd | 2 |",
        "| Owner | *not stated* |",
    ):
        assert line in text.splitlines(), line


def test_the_page_beside_it_says_the_same(tmp_path: Path) -> None:
    _sheet(tmp_path, FRAME)
    page = (tmp_path / "x.html").read_text()
    for shown in ("no 66.7%, yes 33.3%", "2 different: u 10, v 5", "a: is | odd", "not stated"):
        assert shown in page


def test_no_row_set_aside(tmp_path: Path) -> None:
    assert "None: every row keeps the contract." in _sheet(tmp_path, FRAME, reasons=[])


@pytest.mark.parametrize("time", [None, "t"])
def test_a_number_to_predict_has_a_range(tmp_path: Path, time: str | None) -> None:
    text = _sheet(tmp_path, FRAME.assign(y=np.arange(20.0) / 3), time=time)
    assert "| Labels | 0 to 6.33333, median 3.16667" in text
    assert ("no time column" in text) is (time is None)
