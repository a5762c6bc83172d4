"""Clients of Triton and of `mlflow models serve`, unchanged, against the service as a process."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # theirs, at import
    import tritonclient.http as triton  # type: ignore[import-untyped]
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient


@pytest.fixture
def url(shop: Any, serve: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a service with both champions."""
    monkeypatch.setenv("NO_PROXY", "*")
    with serve(shop.settings) as process:
        yield process.url


@pytest.fixture
def opened(url: str) -> Iterator[Any]:
    """Triton's client."""
    with triton.InferenceServerClient(url.removeprefix("http://")) as one:
        yield one


def tensors(frame: pd.DataFrame, binary: bool) -> list[Any]:
    """One tensor per column, as Triton's client makes them."""
    made = []
    for name in frame.columns:
        values = frame[name].to_numpy()
        kind = {"f": "FP64", "i": "INT64", "b": "BOOL"}.get(values.dtype.kind, "BYTES")
        made.append(triton.InferInput(name, [len(values)], kind))
        made[-1].set_data_from_numpy(values.astype(object) if kind == "BYTES" else values, binary_data=binary)
    return made


def ours(url: str, problem: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the service's own API answers."""
    answer = httpx.post(f"{url}/v1/models/{problem}/predict", json={"instances": rows}, trust_env=False)
    assert answer.status_code == 200, answer.text
    predictions: list[dict[str, Any]] = answer.json()["predictions"]
    return predictions


def test_triton_s_client_is_answered(url: str, opened: Any, loans: Any) -> None:
    assert opened.is_server_live()
    assert opened.is_server_ready()
    assert opened.is_model_ready("loans", "1")
    assert not opened.is_model_ready("loans", "9")
    assert not opened.is_model_ready("nothing")
    assert "binary_tensor_data" in opened.get_server_metadata()["extensions"]
    metadata = opened.get_model_metadata("loans")
    assert {one["name"] for one in metadata["inputs"]} == set(loans.rows(1)[0])
    classes = metadata["outputs"][1]["parameters"]["classes"]

    rows = [row for row in loans.rows(12) if row["region"] is not None]
    expected = ours(url, "loans", rows)
    for binary in (True, False):
        result = opened.infer("loans", tensors(pd.DataFrame(rows), binary), request_id="r1")
        assert result.get_response()["id"] == "r1"
        assert result.get_response()["model_version"] == "1"
        labels = [text.decode() if isinstance(text, bytes) else text for text in result.as_numpy("prediction")]
        assert labels == [one["prediction"] for one in expected]
        shares = [dict(zip(classes, row, strict=True)) for row in result.as_numpy("probabilities").tolist()]
        assert shares == [one["probabilities"] for one in expected]
        names = [text.decode() for text in result.as_numpy("prediction_id")]
        logged = httpx.get(f"{url}/v1/predictions/{names[0]}", trust_env=False).json()
        assert logged["inputs"]["amount"] == rows[0]["amount"]


def test_triton_s_client_chooses_outputs_and_is_told_what_is_wrong(opened: Any, loans: Any) -> None:
    inputs = tensors(pd.DataFrame([{"amount": 3.0}]), True)
    as_json = triton.InferRequestedOutput("prediction", binary_data=False)
    as_bytes = triton.InferRequestedOutput("probabilities", binary_data=True)
    result = opened.infer("loans", inputs, outputs=[as_json, as_bytes], model_version="1")
    assert [one["name"] for one in result.get_response()["outputs"]] == ["prediction", "probabilities"]
    assert "data" in result.get_output("prediction")
    assert result.as_numpy("probabilities").shape == (1, 2)
    missing = triton.InferInput("amount", [1], "FP64").set_data_from_numpy(np.array([np.nan]), binary_data=False)
    for wrong, says in (
        (tensors(pd.DataFrame([{"amount": -3.0}]), True), "less than the minimum 0"),
        (tensors(pd.DataFrame([{"amounts": 3.0}]), False), "did you mean 'amount'"),
        ([missing], "a value is required"),
    ):
        with pytest.raises(triton.InferenceServerException, match=says):
            opened.infer("loans", wrong)
    with pytest.raises(triton.InferenceServerException, match="'x' is unknown"):
        opened.infer("loans", inputs, outputs=[triton.InferRequestedOutput("x")])
    with pytest.raises(triton.InferenceServerException, match="version 9 of loans"):
        opened.infer("loans", inputs, model_version="9")


def test_mlflow_s_client_is_answered_at_another_base_url(url: str, loans: Any, trips: Any) -> None:
    client = ScoringServerClient("", 0)
    for toy in (loans, trips):
        client.url_prefix = f"{url}/v1/models/{toy.name}"
        client.ping()
        assert client.get_version()
        names = [column.name for column in toy.contract.columns if column.asked]
        frame = toy.frame[names].head(12)
        if "at" in frame:
            frame = frame.assign(minutes_1d=0.0)  # a history feature, as a client of the bare model must send it
        answer = client.invoke(frame)
        expected = ours(url, toy.name, toy.rows(12))
        assert answer["predictions"] == [one["prediction"] for one in expected]
        assert answer.get_predictions().shape == (12, 1)
        logged = httpx.get(f"{url}/v1/predictions/{answer['ids'][11]}", trust_env=False).json()
        assert logged["prediction"] == answer["predictions"][11]
    with pytest.raises(Exception, match=r"error code 400.*expected a number"):
        client.invoke(pd.DataFrame({"distance": ["far"]}))


def test_csv_is_answered_and_errors_are_in_mlflow_s_words(url: str, loans: Any) -> None:
    place = f"{url}/v1/models/loans/invocations"
    names = [column.name for column in loans.contract.columns if column.asked]
    body = loans.frame[names].head(12).to_csv()
    answer = httpx.post(place, content=body, headers={"content-type": "text/csv"}, trust_env=False)
    assert answer.json()["predictions"] == [one["prediction"] for one in ours(url, "loans", loans.rows(12))]
    for content, media, status in ((b"{}", "application/json", 400), (b"x", "text/plain", 415)):
        refused = httpx.post(place, content=content, headers={"content-type": media}, trust_env=False)
        assert refused.status_code == status
        assert refused.json()["error_code"] == "BAD_REQUEST"
        assert refused.json()["message"] == refused.json()["detail"]
    missing = httpx.post(f"{url}/v1/models/nothing/invocations", json={"inputs": [{}]}, trust_env=False)
    assert (missing.status_code, missing.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
