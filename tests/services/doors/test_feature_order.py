"""Cells without names have the features' order."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.core.errors import PayloadError
from services.prediction.protocols.feature_order import feature_order, name_cells


def test_the_order_is_that_of_the_contract(model_of: Any) -> None:
    assert feature_order(model_of().contract) == ["amount", "purpose", "since", "employed"]


def test_more_names_are_used_where_rows_are_wide_enough() -> None:
    assert name_cells(["a"], [[1, 2]], ["h"]) == {"a": [1], "h": [2]}
    assert name_cells(["a"], [[1]], ["h"]) == {"a": [1]}


@pytest.mark.parametrize(
    ("rows", "says"),
    [([3], "row 0: expected a list of 1"), ([[1], [1, 2]], r"row 1: expected 1 values \(a\), got 2")],
)
def test_rows_of_another_width_are_refused(rows: list[Any], says: str) -> None:
    with pytest.raises(PayloadError, match=says):
        name_cells(["a"], rows)
