"""A release's own doors are described with its features, limits and media types."""

from __future__ import annotations

from typing import Any

from services.prediction.description.openapi_doors import ARROW, PARQUET, describe_doors


def test_every_door_of_a_release_is_there(model_of: Any) -> None:
    paths = describe_doors(model_of())
    names = ("predict", "labels", "explain", "invocations", "ping", "health", "version")
    assert set(paths) == {f"/v1/models/loans/{name}" for name in names}


def test_tables_are_taken_and_given(model_of: Any) -> None:
    predict = describe_doors(model_of())["/v1/models/loans/predict"]["post"]
    for content in (predict["requestBody"]["content"], predict["responses"]["200"]["content"]):
        assert {"application/json", ARROW, PARQUET} == set(content)
    assert predict["requestBody"]["content"]["application/json"]["schema"]["properties"]["instances"]["maxItems"] == 50
    assert "version 3" in predict["description"]


def test_mlflow_s_forms_exclude_each_other(model_of: Any) -> None:
    invoke = describe_doors(model_of())["/v1/models/loans/invocations"]["post"]
    schema = invoke["requestBody"]["content"]["application/json"]["schema"]
    forms = [one["required"] for one in schema["oneOf"]]
    assert forms == [["dataframe_split"], ["dataframe_records"], ["instances"], ["inputs"]]
    assert "amount, purpose, since, employed" in invoke["description"]
    assert invoke["responses"]["400"]["$ref"].endswith("InvocationError400")
