"""The doors of protocol V2, asked as a client asks; the service behind them is real in the journeys."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.core.errors import NotFound, PayloadError, Unavailable
from services.prediction.payloads import TooManyRows
from services.prediction.protocols import v2


def tensor(name: str, datatype: str, *values: Any) -> dict[str, Any]:
    return {"name": name, "shape": [len(values)], "datatype": datatype, "data": list(values)}


def test_infer_answers_columns(desk: Any) -> None:
    inputs = [
        tensor("amount", "INT32", 5, 7, 9),
        tensor("purpose", "BYTES", "car", None, "house"),
        tensor("employed", "BOOL", True, False, None),
    ]
    reply = desk.ask(v2.infer, {"id": "x", "inputs": inputs, "outputs": [{"name": "probabilities"}]})
    content = orjson.loads(reply.body)
    assert (content["model_name"], content["model_version"], content["id"]) == ("loans", "3", "x")
    assert content["outputs"][0]["data"] == [1, 0, 0.9, 0.1, 0.8, 0.2]
    assert desk.seen["amount"] == [5.0, 7.0, 9.0]
    assert desk.seen["purpose"] == ["car", None, "house"]
    assert desk.seen["employed"][:2] == [1.0, 0.0]


@pytest.mark.parametrize(
    "inputs",
    [
        [tensor("purpose", "BYTES", "car")],
        [tensor("amount", "FP64", -1.0)],
        [tensor("amount", "FP64", None)],
        [tensor("amount", "FP64", 1.0), tensor("amounts", "FP64", 1.0)],
        [tensor("amount", "BOOL", True)],
    ],
)
def test_what_the_contract_refuses_is_refused_here_too(desk: Any, inputs: list[Any]) -> None:
    with pytest.raises(PayloadError, match="row 0"):
        desk.ask(v2.infer, {"inputs": inputs})


def test_nothing_is_scored_for_an_unknown_output(desk: Any) -> None:
    with pytest.raises(PayloadError, match="'x' is unknown"):
        desk.ask(v2.infer, {"inputs": [tensor("amount", "FP64", 1.0)], "outputs": [{"name": "x"}]})
    assert desk.plane.checked == []


def test_too_many_rows_stay_too_many(desk: Any) -> None:
    with pytest.raises(TooManyRows):
        desk.ask(v2.infer, {"inputs": [tensor("amount", "FP64", *[1.0] * 51)]})


def test_versions_are_the_champion_s_and_the_challenger_s(desk: Any, model_of: Any, trial_of: Any) -> None:
    body = {"inputs": [tensor("amount", "FP64", 1.0)]}
    assert desk.ask(v2.infer, body, version=3).status == 200
    with pytest.raises(NotFound, match="version 4 of loans is not served: 3 is"):
        desk.ask(v2.infer, body, version=4)
    desk.rollouts.trials["loans"] = trial_of(model_of(4))
    assert desk.ask(v2.infer, body, version=4).status == 200
    assert orjson.loads(desk.ask(v2.model).body)["versions"] == ["3", "4"]
    with pytest.raises(NotFound, match="version 5 of loans is not served: 3, 4 is"):
        desk.ask(v2.model_ready, version=5)


def test_metadata_names_every_tensor(desk: Any) -> None:
    content = orjson.loads(desk.ask(v2.model).body)
    assert {name: content[name] for name in ("name", "versions", "platform")} == {
        "name": "loans",
        "versions": ["3"],
        "platform": "ratchet",
    }
    assert content["inputs"][:2] == [
        {"name": "amount", "datatype": "FP64", "shape": [-1]},
        {"name": "purpose", "datatype": "BYTES", "shape": [-1]},
    ]
    assert content["outputs"] == [
        {"name": "prediction", "datatype": "BYTES", "shape": [-1]},
        {
            "name": "probabilities",
            "datatype": "FP64",
            "shape": [-1, 2],
            "parameters": {"classes": ["no", "yes"]},
        },
        {"name": "prediction_id", "datatype": "BYTES", "shape": [-1]},
    ]
    server = orjson.loads(desk.ask(v2.server).body)
    assert server["name"] == "ratchet"
    assert server["extensions"] == ["binary_tensor_data"]
    assert isinstance(server["version"], str)


def test_health_follows_the_champions(desk: Any) -> None:
    assert orjson.loads(desk.ask(v2.live).body) == {"live": True}
    assert orjson.loads(desk.ask(v2.ready).body) == {"live": True, "ready": True}
    assert orjson.loads(desk.ask(v2.model_ready).body) == {"name": "loans", "ready": True}
    desk.champions.waiting.add("later")
    reply = desk.ask(v2.ready)
    assert (reply.status, orjson.loads(reply.body)["ready"]) == (503, False)
    reply = desk.ask(v2.model_ready, problem="later")
    assert (reply.status, orjson.loads(reply.body)["ready"]) == (503, False)
    assert reply.headers == (("Retry-After", "1"),)
    with pytest.raises(Unavailable):
        desk.ask(v2.model, problem="later")
    with pytest.raises(NotFound):
        desk.ask(v2.model_ready, problem="nothing")
