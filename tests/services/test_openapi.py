"""The description has each served problem's own features."""

from __future__ import annotations

from typing import Any

from pipelines.core.contract import Column, Contract
from services.prediction.description.openapi import describe_answer, describe_label, describe_rows

ODD = 'größe "m²" [x]'


def contract(**changes: Any) -> Contract:
    values: dict[str, Any] = {"problem": "p", "task": "binary", "target": "y", "columns": ()}
    return Contract(**values | changes)


def test_each_problem_has_paths_and_schemas_of_its_own(client: Any, loans: Any) -> None:
    document = client.get("/openapi.json").json()
    assert {
        "/v1/models/loans/predict",
        "/v1/models/loans/labels",
        "/v1/models/trips/predict",
        "/readyz",
    } <= set(document["paths"])
    assert "/v1/models/{problem}/predict" not in document["paths"]
    assert "ValidationError" not in str(document)
    row = document["components"]["schemas"]["loans-instance"]
    assert row["properties"]["amount"]["minimum"] == 0
    assert row["properties"]["amount"]["type"] == ["number"]
    assert row["properties"]["purpose"]["enum"] == ["car", "house", "other", None]
    assert row["properties"]["since"]["format"] == "date-time"
    assert ODD in row["properties"]
    assert "id" not in row["properties"]
    answer = client.post("/v1/models/loans/predict", json={"instances": [row["example"]]})
    assert answer.status_code == 200, "the example works"


def test_the_description_follows_the_swap(fresh: Any, shop: Any, loans: Any) -> None:
    version = shop.release(loans, 0.01)
    shop.promote(loans, version)
    fresh.app.state.service.champions.refresh()
    operation = fresh.get("/openapi.json").json()["paths"]["/v1/models/loans/predict"]["post"]
    assert f"version {version}" in operation["description"]


def test_labels_have_the_type_of_the_classes() -> None:
    assert describe_label(contract(task="regression"))["type"] == "number"
    assert describe_label(contract(classes=["false", "true"], class_type="boolean"))["type"] == "boolean"
    assert describe_label(contract(classes=["1", "2"], class_type="integer"))["enum"] == [1, 2]
    assert describe_label(contract(classes=["0.5", "2"], class_type="number"))["enum"] == [0.5, 2.0]


def test_regression_has_no_probabilities() -> None:
    assert describe_answer(contract(task="regression"))["required"] == ["id", "prediction"]
    assert "probabilities" in describe_answer(contract(classes=["a", "b"], class_type="text"))["required"]


def test_columns_say_what_was_seen() -> None:
    columns = (
        Column(name="n", kind="numeric", low=1, high=2.5, missing=0.25),
        Column(name="c", kind="categorical", seen=[str(number) for number in range(20)]),
        Column(name="d", kind="datetime", low=0, high=86400.0, feature=False),
        Column(name="b", kind="numeric", boolean=True, required=True),
        Column(name="o", kind="numeric", asked=False),
    )
    properties = describe_rows(contract(columns=columns))["properties"]
    assert properties["n"]["description"] == "numeric; seen 1 to 2.5; missing in 25.0% of rows"
    assert properties["c"]["description"].endswith("7 and 12 more")
    assert properties["d"]["description"] == "datetime; seen 1970-01-01 to 1970-01-02; for history features"
    assert properties["b"]["type"] == ["boolean", "number"]
    assert "o" not in properties
