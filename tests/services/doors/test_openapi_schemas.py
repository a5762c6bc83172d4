"""Rows, answers and labels are described as the contract has them."""

from __future__ import annotations

from typing import Any

from pipelines.core.schema import Column
from services.prediction.description.openapi_schemas import (
    describe_answer,
    describe_column,
    describe_explanations,
    describe_label,
    describe_rows,
)


def test_a_row_has_the_contract_s_columns(model_of: Any) -> None:
    schema = describe_rows(model_of().contract)
    assert schema["required"] == ["amount"]
    assert schema["properties"]["purpose"]["enum"] == ["car", "house", None]
    assert schema["example"]["amount"] == 12.5


def test_many_classes_are_not_listed(model_of: Any) -> None:
    classes = [str(number) for number in range(1001)]
    assert "enum" not in describe_label(model_of(classes=classes).contract)
    assert len(describe_label(model_of(classes=classes[:1000]).contract)["enum"]) == 1000


def test_an_answer_may_name_the_challenger(model_of: Any) -> None:
    schema = describe_answer(model_of().contract)
    assert "model" in schema["properties"]
    assert "model" not in schema["required"]


def test_what_was_seen_is_told_and_no_rule() -> None:
    column = Column(name="n", kind="numeric", integer=True, low=1, high=2, maximum=9)
    assert describe_column(column) == {
        "description": "numeric; seen 1 to 2",
        "type": ["number", "null"],
        "maximum": 9,
    }


def test_explanations_are_answers_with_contributions(model_of: Any) -> None:
    items = describe_explanations(model_of().contract)["properties"]["explanations"]["items"]
    assert items["required"] == ["id", "prediction", "probabilities", "base", "contributions", "link"]
    assert items["properties"]["base"] == {"type": "number"}
    several = describe_explanations(model_of(classes=["a", "b", "c"]).contract)
    assert several["properties"]["explanations"]["items"]["properties"]["base"]["type"] == "object"
