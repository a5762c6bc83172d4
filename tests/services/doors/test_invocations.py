"""A client of `mlflow models serve` is answered as there, with labels instead of class numbers."""

from __future__ import annotations

from typing import Any

import mlflow
import numpy as np
import orjson
import pandas as pd
import pytest
from mlflow.deployments import PredictionsResponse
from mlflow.utils.proto_json_utils import dump_input_data

from pipelines.core.errors import NotFound, PayloadError, Unavailable
from services.prediction.payloads import TooManyRows
from services.prediction.protocols import invocations
from services.prediction.protocols.invocations import MLFLOW_VERSION, media_type
from services.prediction.refusals import Refusal

CSV, JSON = {"content-type": "text/csv"}, {"content-type": "application/json"}
FRAME = pd.DataFrame({"amount": [5.0, 7.0], "purpose": ["car", None], "since": pd.to_datetime(["2024-01-01", None])})


def test_the_answer_is_one_that_mlflow_s_client_reads(desk: Any) -> None:
    reply = desk.ask(invocations.invoke, dump_input_data(FRAME).encode(), headers=JSON)
    assert (reply.status, reply.media) == (200, "application/json")
    content = PredictionsResponse.from_json(reply.body.decode())
    assert content.get_predictions()[0].tolist() == ["no", "no"]
    assert len(set(content["ids"])) == 2
    assert content["model"] == {"problem": "loans", "version": 3, "run_id": "run"}
    assert desk.seen["purpose"] == ["car", None]
    assert np.isnat(np.asarray(desk.seen["since"], dtype="M8[us]")).tolist() == [False, True]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"dataframe_records": [{"amount": 5, "purpose": "car"}]}, JSON),
        ({"instances": [[5, "car", None, True]]}, JSON),
        ({"inputs": {"amount": [5], "purpose": ["car"]}, "params": {"of": "no concern"}}, JSON),
        ({"inputs": {"amount": [5], "purpose": ["car"]}}, {}),
        (b"amount,purpose\n5,car\n", CSV),
        (b"amount,purpose\n5,car\n", {"content-type": "text/csv; charset=utf-8"}),
    ],
)
def test_every_form_scores_the_same_row(desk: Any, body: Any, headers: dict[str, str]) -> None:
    assert orjson.loads(desk.ask(invocations.invoke, body, headers=headers).body)["predictions"] == ["no"]
    assert (desk.seen["amount"], desk.seen["purpose"]) == ([5.0], ["car"])


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"dataframe_split": {"columns": ["amount", "visits"], "data": [[5, 0.5]]}}, JSON),
        ({"dataframe_records": [{"amount": 5, "visits": 0.5}]}, JSON),
        ({"instances": [[5, None, None, None, 0.5]]}, JSON),
        (b"amount,visits\n5,0.5\n", CSV),
    ],
)
def test_history_features_are_left_unread(desk_of: Any, model_of: Any, body: Any, headers: dict[str, str]) -> None:
    desk = desk_of(model_of(history=["visits"]))
    assert desk.ask(invocations.invoke, body, headers=headers).status == 200
    assert "visits" not in desk.seen


@pytest.mark.parametrize("index", [[0, 1], ["x", "y"]])
def test_parquet_that_pandas_writes_is_read(desk_of: Any, model_of: Any, index: list[Any]) -> None:
    desk = desk_of(model_of(history=["visits"]))
    body = FRAME.assign(visits=0.5).set_axis(index).to_parquet()
    reply = desk.ask(invocations.invoke, body, headers={"content-type": "application/vnd.apache.parquet"})
    assert len(orjson.loads(reply.body)["predictions"]) == 2
    assert (desk.seen["amount"], desk.seen["purpose"]) == ([5.0, 7.0], ["car", None])
    with pytest.raises(Refusal, match="Parquet"):
        desk.ask(invocations.invoke, b"PAR1", headers={"content-type": "application/vnd.apache.parquet"})


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "no JSON"),
        (b"{}", "exactly one of"),
        (b'{"inputs": [{"amounts": 3}]}', "did you mean 'amount'"),
        (b'{"inputs": [{"amount": -1}, 3]}', "row 0, feature 'amount': less than the minimum 0; row 1: expected"),
        (b'{"inputs": {"amount": [-1,-1,-1,-1,-1,-1,-1]}}', "; and 2 more"),
    ],
)
def test_wrong_payloads_are_bad_requests(desk: Any, body: bytes, says: str) -> None:
    with pytest.raises(Refusal, match=says) as caught:
        desk.ask(invocations.invoke, body)
    assert caught.value.status == 400
    assert isinstance(caught.value.__cause__, PayloadError)


def test_too_many_rows_stay_too_many(desk: Any) -> None:
    with pytest.raises(TooManyRows):
        desk.ask(invocations.invoke, {"inputs": {"amount": [1] * 51}})


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("text/plain", "expected application/json"),
        ("application/json; charset=latin-1", "UTF-8"),
        ("application/json; format=pandas-split", "unrecognized content type parameter 'format'"),
        ("", "expected application/json"),
    ],
)
def test_other_media_types_are_refused(header: str, says: str) -> None:
    with pytest.raises(Refusal, match=says) as caught:
        media_type(header)
    assert caught.value.status == 415


def test_media_types_are_read_without_their_case() -> None:
    assert media_type('Text/CSV; charset="utf-8";') == "text/csv"


def test_ping_and_version_answer_while_a_release_serves(desk: Any) -> None:
    assert desk.ask(invocations.ping).body == b"\n"
    assert desk.ask(invocations.version).body == MLFLOW_VERSION.encode()
    desk.champions.waiting.add("later")
    with pytest.raises(Unavailable):
        desk.ask(invocations.ping, problem="later")
    with pytest.raises(NotFound):
        desk.ask(invocations.version, problem="nothing")


def test_the_protocol_is_that_of_the_mlflow_in_use() -> None:
    """With another MLflow: read its scoring server again (`mlflow/pyfunc/scoring_server`), then change the constant."""
    assert mlflow.__version__ == MLFLOW_VERSION
