"""The API as an application meets it: predict, label, look up."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from pipelines.core.contract import check
from pipelines.core.scoring import answers, score
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.logbook.prediction_log import PredictionLog
from services.prediction.app import create_app
from services.prediction.last_good import find_copy


def predict(client: Any, problem: str, *rows: Any) -> Any:
    return client.post(f"/v1/models/{problem}/predict", json={"instances": list(rows)})


def test_predictions_have_ids_probabilities_and_name_their_model(client: Any, loans: Any) -> None:
    answer = predict(client, "loans", *loans.rows(3))
    assert answer.status_code == 200
    content = answer.json()
    assert content["model"]["problem"] == "loans"
    assert content["model"]["version"] == 1
    assert len({one["id"] for one in content["predictions"]}) == 3
    for one in content["predictions"]:
        assert one["prediction"] in ("no", "yes")
        assert set(one["probabilities"]) == {"no", "yes"}
        assert math.isclose(sum(one["probabilities"].values()), 1)
        assert one["prediction"] == max(one["probabilities"], key=one["probabilities"].get)


def test_regression_answers_a_number(client: Any, trips: Any) -> None:
    (one,) = predict(client, "trips", *trips.rows(1)).json()["predictions"]
    assert set(one) == {"id", "prediction"}
    assert isinstance(one["prediction"], float)


def test_answers_equal_the_table_row_for_row(fresh: Any, shop: Any, loans: Any, sendable: Any) -> None:
    frame = loans.frame.drop(columns=["repaid"]).copy()
    frame.loc[3:9, "region"] = "never seen"
    frame.loc[5:20, "since"] = None
    frame = frame.sample(frac=1, random_state=1)[sorted(frame.columns, reverse=True)].reset_index(drop=True)
    rows = sendable(frame)
    found = predict(fresh, "loans", *rows).json()["predictions"]
    copy = find_copy(shop.settings, "loans")
    assert copy is not None
    bundle = Bundle.open(copy[1])
    table = check(bundle.contract, frame).frame
    expected = answers(bundle.contract, score(bundle.pipeline, "binary", table))
    assert [{name: one[name] for name in ("prediction", "probabilities")} for one in found] == expected


def test_every_answer_is_in_the_log(fresh: Any, shop: Any, loans: Any) -> None:
    rows = loans.rows(2)
    content = predict(fresh, "loans", *rows).json()
    log = PredictionLog(shop.settings.database)
    now = datetime.now(UTC)
    frame = log.window("loans", now - timedelta(minutes=5), now + timedelta(minutes=5))
    log.close()
    assert set(frame["id"]) == {one["id"] for one in content["predictions"]}
    assert frame["version"].tolist() == [1, 1]
    assert sorted(one["amount"] for one in frame["inputs"]) == sorted(row["amount"] for row in rows)
    assert "id" not in frame["inputs"][0], "the key is known, not asked for"


def test_a_feature_left_out_is_missing_unless_it_is_required(client: Any) -> None:
    assert predict(client, "loans", {"amount": 3}).status_code == 200
    refused = predict(client, "loans", {"amount": 3}, {"purpose": "car"})
    assert refused.status_code == 422
    assert [(one["row"], one["feature"]) for one in refused.json()["errors"]] == [(1, "amount")]


@pytest.mark.parametrize(
    ("row", "feature", "words"),
    [
        ({"amount": "many"}, "amount", "number"),
        ({"amount": -1}, "amount", "minimum"),
        ({"amount": 10**400}, None, "no JSON"),
        ({"amount": [1]}, "amount", "a list"),
        ({"amount": {"x": 1}}, "amount", "an object"),
        ({"amount": 1, "purpose": "boat"}, "purpose", "car, house, other"),
        ({"amount": 1, "since": "soon"}, "since", "date"),
        ({"amount": 1, "amuont": 2}, "amuont", "unknown feature"),
        ([1, 2], None, "an object"),
        (None, None, "an object"),
    ],
)
def test_bad_rows_are_refused_by_row_and_feature(client: Any, row: Any, feature: str | None, words: str) -> None:
    answer = predict(client, "loans", {"amount": 77123}, row)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    content = answer.json()
    assert {"type", "title", "status", "detail"} <= set(content)
    assert words in answer.text
    if content["errors"]:
        assert {(one["row"], one["feature"]) for one in content["errors"] if one["feature"] == feature} == {
            (1, feature)
        }
    assert "77123" not in answer.text, "other data of the request is not echoed"


def test_what_is_not_there_is_404_and_too_much_is_413(client: Any, loans: Any) -> None:
    for method, path in (
        ("post", "/v1/models/houses/predict"),
        ("get", "/v1/models/houses"),
        ("get", "/v1/predictions/x"),
    ):
        answer = getattr(client, method)(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert predict(client, "loans", *loans.rows(1) * 201).status_code == 413
    assert client.get("/v1/models/loans/predict").status_code == 405


def test_labels_join_in_any_order_and_say_what_was_not_taken(client: Any, loans: Any) -> None:
    ids = [one["id"] for one in predict(client, "loans", *loans.rows(3)).json()["predictions"]]
    labels = [
        {"id": ids[2], "label": "yes"},
        {"id": "unheard", "label": "yes"},
        {"id": ids[0], "label": "maybe"},
        {"label": "yes"},
        {"id": ids[0], "label": "no", "known_at": "2024-01-01T00:00:00Z"},
    ]
    answer = client.post("/v1/models/loans/labels", json={"labels": labels})
    assert answer.status_code == 200
    assert answer.json()["accepted"] == [ids[2], ids[0]]
    rejected = answer.json()["rejected"]
    assert [(one["row"], one["id"]) for one in rejected] == [(1, "unheard"), (2, ids[0]), (3, None)]
    assert "no, yes" in rejected[1]["reason"]
    client.post("/v1/models/loans/labels", json={"labels": [{"id": ids[0], "label": "yes"}]})
    found = client.get(f"/v1/predictions/{ids[0]}").json()
    assert [one["label"] for one in found["labels"]] == ["no", "yes"]
    assert found["labels"][0]["known_at"] == "2024-01-01T00:00:00Z"
    assert (found["problem"], found["version"], found["inputs"]["amount"]) == (
        "loans",
        1,
        loans.rows(1)[0]["amount"],
    )


def test_labels_of_another_problem_are_not_taken(client: Any, loans: Any, trips: Any) -> None:
    (one,) = predict(client, "loans", *loans.rows(1)).json()["predictions"]
    (other,) = predict(client, "trips", *trips.rows(1)).json()["predictions"]
    answer = client.post("/v1/models/trips/labels", json={"labels": [{"id": one["id"], "label": 3}]}).json()
    assert answer["accepted"] == []
    labels = [{"id": other["id"], "label": value} for value in (12, "x", None, 1e400)]
    assert client.post("/v1/models/trips/labels", content=str(labels)).status_code == 422
    answer = client.post("/v1/models/trips/labels", json={"labels": labels[:3]}).json()
    assert answer["accepted"] == [other["id"]]
    assert [one["row"] for one in answer["rejected"]] == [1, 2]


def test_models_say_what_serves_and_what_it_asks_for(client: Any, loans: Any) -> None:
    listed = client.get("/v1/models").json()["models"]
    assert [(one["problem"], one["version"], one["status"]) for one in listed] == [
        ("loans", 1, "serving"),
        ("trips", 1, "serving"),
    ]
    one = client.get("/v1/models/loans").json()
    assert one["task"] == "binary"
    assert one["instance"]["required"] == ["amount"]
    assert one["label"] == {"type": "string", "enum": ["no", "yes"], "description": "repaid"}
    assert one["max_rows"] == 200
    assert client.get("/v1/models/trips").json()["history_as_of"].startswith("2024-02-01")


def test_alive_and_ready(client: Any) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["models"]) == (200, {"loans": 1, "trips": 1})


def test_one_broken_release_does_not_take_the_others_down(shop: Any, loans: Any, spoiled: Any, connect: Any) -> None:
    shop.promote(loans, shop.release(loans, 0.01, spoiled))
    with connect(create_app(shop.settings)) as client:
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["models"], ready.json()["refused"]) == (200, {"trips": 1}, ["loans"])
        assert predict(client, "loans", *loans.rows(1)).status_code == 503
        listed = client.get("/v1/models/loans").json()
        assert (listed["status"], listed["champion"], listed["refused"]["version"]) == ("none", 2, 2)


def test_the_table_of_a_row_keeps_its_types(client: Any) -> None:
    frame = pd.DataFrame({"amount": ["3", 3, 3.0]})
    found = predict(client, "loans", *frame.to_dict("records")).json()["predictions"]
    assert len({str(one["probabilities"]) for one in found}) == 1
