from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
import ratchet_client
from ratchet_client import Client, InvalidRows, NotFound, Retries, TooManyRequests, Unavailable

QUICK = Retries(most=3, first=0.001)
Refused = Callable[..., httpx.Response]


@pytest.fixture
def client(wire: Any) -> Client:
    return Client("http://service", "secret", transport=httpx.MockTransport(wire), retries=QUICK, max_rows=3)


def test_many_rows_go_out_in_several_requests_and_come_back_in_order(client: Client, wire: Any) -> None:
    with client:
        answers = client.predict("p", pd.DataFrame({"n": range(7)}), traceparent="00-a-b-01", routing_key="k")
    assert answers.ids == [f"p{number}" for number in range(7)]
    assert answers.model.version == 3
    assert [len(body["instances"]) for body in wire.bodies()] == [3, 3, 1]
    for request in wire.asked:
        assert request.url == "http://service/v1/models/p/predict"
        assert request.headers["authorization"] == "Bearer secret"
        assert request.headers["user-agent"] == f"ratchet-client/{ratchet_client.__version__}"
        assert (request.headers["traceparent"], request.headers["x-ratchet-key"]) == ("00-a-b-01", "k")


def test_an_issue_names_the_row_of_the_call(client: Client, wire: Any, refused: Refused) -> None:
    bad = [{"row": 1, "feature": "n", "message": "no number"}]
    good = wire.reply(httpx.Request("POST", "http://x/predict", json={"instances": [{}] * 3}))
    wire.answers = [good, refused(422, errors=bad)]
    with client, pytest.raises(InvalidRows) as caught:
        client.predict("p", [{"n": 0}] * 6)
    assert caught.value.issues[0].row == 4


def test_rows_are_asked_about_as_they_are_taken(client: Client, wire: Any) -> None:
    with client:
        answers = client.predict_many("p", ({"n": number} for number in range(100)))
        assert [next(answers).id for _ in range(4)] == ["p0", "p1", "p2", "p3"]
        assert len(wire.asked) == 2
        answers.close()  # type: ignore[attr-defined]


def test_no_rows_are_no_question(client: Client, wire: Any) -> None:
    with client, pytest.raises(ValueError, match="no rows"):
        client.predict("p", [])
    assert wire.asked == []


def test_labels_go_out_in_several_requests(client: Client, wire: Any) -> None:
    known = datetime(2013, 3, 1, tzinfo=UTC)
    with client:
        receipt = client.label("p", {f"a{number}": number for number in range(5)})
        assert receipt.accepted == tuple(f"a{number}" for number in range(5))
        assert client.label("p", "b", True, known, request_id="q").accepted == ("b",)
    assert wire.bodies()[-1] == {"labels": [{"id": "b", "label": True, "known_at": "2013-03-01T00:00:00+00:00"}]}
    assert wire.asked[-1].headers["x-request-id"] == "q"


def test_a_service_that_is_busy_or_starting_is_asked_again(client: Client, wire: Any, refused: Refused) -> None:
    wire.answers = [httpx.ConnectError("refused"), refused(503), refused(429, headers={"Retry-After": "0"})]
    with client:
        assert len(client.predict("p", [{"n": 1}])) == 1
    assert len(wire.asked) == 4


def test_it_is_told_why_in_the_end(client: Client, wire: Any, refused: Refused) -> None:
    wire.answers = [refused(429, headers={"Retry-After": "3600"})]
    with client, pytest.raises(TooManyRequests) as caught:
        client.predict("p", [{"n": 1}])
    assert caught.value.retry_after == 3600
    wire.answers = [httpx.ReadError("broken")]
    with pytest.raises(Unavailable, match="broken"):
        Client("http://service", transport=httpx.MockTransport(wire)).predict("p", [{"n": 1}])


def test_names_are_quoted_in_paths(client: Client, wire: Any, refused: Refused) -> None:
    wire.answers = [refused(404)] * 2
    with client, pytest.raises(NotFound):
        client.model("a/../b?c")
    with pytest.raises(NotFound):
        Client("http://service", transport=httpx.MockTransport(wire)).prediction("a b")
    assert [one.url.raw_path for one in wire.asked] == [b"/v1/models/a%2F..%2Fb%3Fc", b"/v1/predictions/a%20b"]


def test_importing_it_costs_little_and_brings_nothing_heavy() -> None:
    code = (
        "import json, sys, time, httpx; start = time.process_time(); before = set(sys.modules); import ratchet_client;"
        "print(json.dumps([time.process_time() - start, sorted(set(sys.modules) - before)]))"
    )
    folder = Path(ratchet_client.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    seconds, brought = json.loads(done.stdout)
    assert {name.split(".")[0] for name in brought} & {"numpy", "pandas", "pydantic", "orjson", "pipelines"} == set()
    assert seconds < 1.0  # 0.03 where nothing else runs


def test_the_round_trip_with_a_real_service(serve: Any, shop: Any, loans: Any, trips: Any) -> None:
    with serve(shop.settings) as process, Client(process.url, retries=Retries(most=0), max_rows=60) as client:
        client.wait_until_ready(30)
        asked = [column.name for column in loans.contract.columns if column.asked]
        answers = client.predict("loans", loans.frame[asked])
        assert len(answers) == len(loans.frame)
        assert all(sum(one.probabilities.values()) == pytest.approx(1) for one in answers if one.probabilities)
        model = client.model("loans")
        assert {one.version for one in answers} == {answers.model.version, model.version}
        receipt = client.label("loans", [(answers[0], "yes"), (answers[1], "maybe"), ("nobody", "yes")])
        assert receipt.accepted == (answers[0].id,)
        assert [(one.row, one.id) for one in receipt.rejected] == [(1, answers[1].id), (2, "nobody")]
        kept = client.prediction(answers[0].id)
        assert (kept.problem, kept.prediction, kept.labels) == ("loans", answers[0].prediction, ("yes",))
        assert kept.probabilities == answers[0].probabilities
        with pytest.raises(InvalidRows) as caught:
            client.predict("loans", [{"amount": 1.0}] * 70 + [{"amount": -1.0}])
        assert [(one.row, one.feature) for one in caught.value.issues] == [(70, "amount")]
        with pytest.raises(NotFound):
            client.predict("nothing", [{}])
        (why,) = client.explain("loans", loans.rows(1))
        assert why.prediction == answers[0].prediction
        assert set(why.contributions) <= set(asked)
        assert {one.problem for one in client.models()} == {"loans", "trips"}
        (minutes,) = client.predict("trips", trips.frame.drop(columns="minutes").iloc[0])
        assert (type(minutes.prediction), minutes.probabilities) == (float, None)
        assert client.model("trips").history_as_of == datetime(2024, 2, 1, tzinfo=UTC)
    with pytest.raises(Unavailable, match="not ready"):
        Client(process.url).wait_until_ready(0.2)
