"""Inference requests are read as the protocol has them, and the response says what was asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from pipelines.core.errors import PayloadError
from services.prediction.answers import Answers
from services.prediction.doors import Asked
from services.prediction.protocols.v2_messages import (
    InferRequest,
    as_columns,
    check_wanted,
    describe_inputs,
    describe_outputs,
    read_request,
    write_reply,
)
from services.prediction.protocols.v2_tensors import Tensor

TENSOR = {"name": "amount", "shape": [1], "datatype": "FP64", "data": [1]}


def read(content: Any, **headers: str) -> InferRequest:
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return read_request(Asked("loans", body, {name.replace("_", "-"): value for name, value in headers.items()}))


def test_a_request_says_what_is_wanted() -> None:
    request = read({"inputs": [TENSOR]})
    assert (request.id, request.wanted, request.raw) == (None, None, False)
    outputs = [{"name": "prediction"}, {"name": "probabilities", "parameters": {"binary_data": True}}]
    request = read({"id": "42", "inputs": [TENSOR], "outputs": outputs, "parameters": {"binary_data_output": True}})
    assert (request.id, request.wanted, request.raw) == ("42", {"prediction": None, "probabilities": True}, True)
    assert read({"inputs": [TENSOR], "outputs": []}).wanted is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"id": 42}, "id"),
        ({"parameters": 3}, "parameters"),
        ({"parameters": {"binary_data_output": "yes"}}, "true or false"),
        ({"outputs": 3}, "outputs"),
        ({"outputs": [3]}, "output 0"),
        ({"outputs": [{"name": None}]}, "output 0"),
        ({"outputs": [{"name": "x"}, {"name": "x"}]}, "asked for twice"),
        ({"outputs": [{"name": "x", "parameters": 3}]}, "parameters"),
        ({"outputs": [{"name": "x", "parameters": {"classification": 2}}]}, "'classification' is not supported"),
        ({"inputs": []}, "at least one tensor"),
    ],
)
def test_requests_that_do_not_fit_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(PayloadError, match=says):
        read({"inputs": [TENSOR]} | changes)


@pytest.mark.parametrize("length", ["x", "-1", "1000", "", "1" * 20, "٣"])
def test_the_length_of_the_json_has_to_fit(length: str) -> None:
    with pytest.raises(PayloadError, match="Inference-Header-Content-Length"):
        read({"inputs": [TENSOR]}, inference_header_content_length=length)


@pytest.mark.parametrize("body", [b"[]", b"3", b"null"])
def test_a_request_is_an_object(body: bytes) -> None:
    with pytest.raises(PayloadError, match="an inference request"):
        read(body)


def test_tensors_become_columns(model_of: Any) -> None:
    contract = model_of().contract
    tensors = [Tensor("amount", "FP64", [2], [1.0, 2.0]), Tensor("purpose", "BYTES", [2, 1], ["car", None])]
    assert as_columns(tensors, contract) == ({"amount": [1.0, 2.0], "purpose": ["car", None]}, 2)
    assert as_columns([Tensor("amount", "FP64", [1, 1], [1.0])], contract) == ({"amount": [1.0]}, 1)


def test_a_single_tensor_holds_the_features_in_their_order(model_of: Any) -> None:
    contract = model_of().contract
    names = ["amount", "purpose", "since", "employed"]
    columns, count = as_columns([Tensor("x", "FP32", [2, 4], np.arange(8.0))], contract)
    assert count == 2
    assert {name: list(values) for name, values in columns.items()} == {
        name: [place, place + 4] for place, name in enumerate(names)
    }
    listed, _ = as_columns([Tensor("x", "INT64", [1, 4], [1, 2, 3, 4])], contract)
    assert listed == {name: [place + 1] for place, name in enumerate(names)}


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        ([Tensor("amount", "FP64", [0], [])], "has no rows"),
        ([Tensor("x", "FP64", [2, 3], [0.0] * 6)], "hold the 4 features"),
        ([Tensor("x", "BYTES", [1, 4], ["a"] * 4)], "has to be numeric"),
        ([Tensor("x", "FP64", [1, 1], [0.0])], "hold the 4 features"),
        ([Tensor("amount", "FP64", [1, 1, 1], [0.0])], r"shape \[1\] or \[1, 1\]"),
        ([Tensor("amount", "FP64", [1], [0.0]), Tensor("since", "FP64", [2], [0.0, 1.0])], r"\[1\] or \[1, 1\], got"),
        ([Tensor("amount", "FP64", [1], [0.0]), Tensor("amount", "FP64", [1], [0.0])], "comes twice"),
    ],
)
def test_tensors_that_are_no_columns_are_refused(model_of: Any, tensors: list[Tensor], says: str) -> None:
    with pytest.raises(PayloadError, match=says):
        as_columns(tensors, model_of().contract)


def test_datatypes_follow_the_contract(model_of: Any) -> None:
    contract = model_of().contract
    kinds = {"amount": "FP64", "purpose": "BYTES", "since": "BYTES", "employed": "BOOL"}
    assert dict(describe_inputs(contract)) == kinds
    assert describe_outputs(contract)[:2] == [("prediction", "BYTES", [-1]), ("probabilities", "FP64", [-1, 2])]
    for class_type, classes, datatype in (
        ("boolean", ["false", "true"], "BOOL"),
        ("integer", ["1", "2"], "INT64"),
        ("number", ["0.5", "2"], "FP64"),
    ):
        assert describe_outputs(model_of(class_type=class_type, classes=classes).contract)[0][1] == datatype


def test_unknown_outputs_are_refused_before_anything_is_scored(model_of: Any) -> None:
    contract = model_of(task="regression", classes=None, class_type=None).contract
    with pytest.raises(PayloadError, match="'probabilities' is unknown: the outputs are prediction, prediction_id"):
        check_wanted(InferRequest(None, [], {"probabilities": None}, False), contract)


def test_the_response_is_json_with_raw_bytes_where_asked_for(model_of: Any) -> None:
    answers = Answers(model_of(), ["i", "j"], np.array([[0.75, 0.25], [0.5, 0.5]]), [])
    reply = write_reply(InferRequest("42", [], None, False), answers)
    assert reply.media == "application/json"
    assert orjson.loads(reply.body) == {
        "model_name": "loans",
        "model_version": "3",
        "id": "42",
        "outputs": [
            {"name": "prediction", "shape": [2], "datatype": "BYTES", "data": ["no", "no"]},
            {"name": "probabilities", "shape": [2, 2], "datatype": "FP64", "data": [0.75, 0.25, 0.5, 0.5]},
            {"name": "prediction_id", "shape": [2], "datatype": "BYTES", "data": ["i", "j"]},
        ],
    }
    reply = write_reply(InferRequest(None, [], {"probabilities": True, "prediction_id": False}, True), answers)
    assert reply.media == "application/octet-stream"
    (name, length), raw = reply.headers[0], reply.body
    assert name == "Inference-Header-Content-Length"
    content, tail = orjson.loads(raw[: int(length)]), raw[int(length) :]
    assert "id" not in content
    assert [one["name"] for one in content["outputs"]] == ["probabilities", "prediction_id"]
    assert content["outputs"][0]["parameters"] == {"binary_data_size": 32}
    assert np.frombuffer(tail).tolist() == [0.75, 0.25, 0.5, 0.5]


@pytest.mark.parametrize(
    ("class_type", "classes", "first"), [("boolean", ["false", "true"], b"\0"), ("integer", ["7", "9"], b"\7")]
)
def test_labels_are_written_raw_in_their_type(model_of: Any, class_type: str, classes: list[str], first: bytes) -> None:
    answers = Answers(model_of(class_type=class_type, classes=classes), ["i"], np.array([[0.75, 0.25]]), [])
    reply = write_reply(InferRequest(None, [], {"prediction": True}, False), answers)
    assert reply.body[int(reply.headers[0][1]) :][:1] == first


def test_a_canary_is_told(model_of: Any) -> None:
    old, new = model_of(), model_of(4)
    scores = np.array([[0.75, 0.25], [0.5, 0.5]])
    mixed = orjson.loads(
        write_reply(InferRequest(None, [], None, False), Answers(old, ["i", "j"], scores, [], [old, new])).body
    )
    assert (mixed["model_version"], mixed["parameters"]) == ("3", {"answered_by": "3,4"})
    whole = orjson.loads(
        write_reply(InferRequest(None, [], None, False), Answers(old, ["i", "j"], scores, [], [new, new])).body
    )
    assert whole["model_version"] == "4"
