"""The contract's nouns."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from pipelines.core.schema import Column, Contract

CONTRACT = Contract(
    problem="x",
    task="binary",
    target="y",
    classes=["no", "yes"],
    class_type="text",
    time="t",
    key=["id"],
    ignored=["leak"],
    columns=(
        Column(name="a", kind="categorical", categories=["u", "v"], example="u"),
        Column(name="t", kind="datetime", feature=False),
    ),
)


def test_a_contract_comes_back_from_json_with_the_same_digest() -> None:
    again = Contract.model_validate(json.loads(json.dumps(CONTRACT.model_dump(mode="json"))))
    assert again == CONTRACT
    assert again.digest == CONTRACT.digest
    assert CONTRACT.model_copy(update={"target": "z"}).model_dump() != CONTRACT.model_dump()


def test_what_has_been_looked_up_does_not_change_the_contract() -> None:
    fresh = Contract.model_validate(CONTRACT.model_dump())
    assert CONTRACT.known_names == {"a", "t", "y", "id", "leak"}
    assert [column.name for column in CONTRACT.features] == ["a"]
    assert CONTRACT.by_name["a"].allowed == {"u", "v"}
    assert fresh == CONTRACT
    assert "known_names" not in CONTRACT.model_dump()


def test_a_contract_cannot_be_changed_or_misspelt() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        CONTRACT.target = "z"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs"):
        Column(name="a", kind="numeric", minimun=1)  # type: ignore[call-arg]
