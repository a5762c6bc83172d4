from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipelines.core.good_enough import Behaviour, GoodEnough


def test_gates_are_on_by_default() -> None:
    asked = GoodEnough()
    assert asked.search_slices
    assert asked.calibration is not None
    assert asked.max_latency_ms is not None
    assert asked.not_leaks == []
    assert 0 < asked.margin <= asked.slice_margin < 0.05


def test_one_column_may_be_written_without_a_list() -> None:
    assert GoodEnough.model_validate({"not_leaks": "refunded", "slices": "place"}).not_leaks == ["refunded"]


def test_a_behaviour_changes_one_thing() -> None:
    assert Behaviour(feature="age", add=1, expect="higher").share == 0.95
    for wrong in ({}, {"add": 1, "multiply": 2}):
        with pytest.raises(ValidationError, match="needs one of add, multiply, replace"):
            Behaviour.model_validate({"feature": "age", "expect": "same"} | wrong)
