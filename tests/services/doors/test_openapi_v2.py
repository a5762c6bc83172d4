"""Protocol V2 is described for the server and for each release, with and without its version."""

from __future__ import annotations

from typing import Any

from services.prediction.description.openapi_v2 import describe_model, describe_request, describe_server


def test_every_path_of_the_protocol_is_there(model_of: Any) -> None:
    paths = describe_server() | describe_model(model_of())
    model = "/v2/models/loans"
    versions = [f"{model}{end}" for end in ("", "/ready", "/infer")]
    versions += [path.replace("loans", "loans/versions/{version}") for path in versions]
    assert set(paths) == {"/v2", "/v2/health/live", "/v2/health/ready", *versions}
    parameters = paths["/v2/models/loans/versions/{version}/infer"]["post"]["parameters"]
    assert [one["name"] for one in parameters] == ["version", "Inference-Header-Content-Length"]


def test_the_example_is_a_row_of_tensors(model_of: Any) -> None:
    inputs = describe_request(model_of())["example"]["inputs"]
    cells = {one["name"]: (one["datatype"], one["data"]) for one in inputs}
    assert cells == {
        "amount": ("FP64", [12.5]),
        "purpose": ("BYTES", ["car"]),
        "since": ("BYTES", ["2020-01-01T00:00:00"]),
        "employed": ("BOOL", [True]),
    }
