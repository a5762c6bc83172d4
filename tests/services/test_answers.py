"""What a caller gets and what the log keeps say the same, each written once."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from pipelines.core.problem import Problem
from pipelines.core.schema import Column, Contract
from pipelines.stores.bundles.release_info import ReleaseInfo
from pipelines.stores.logbook.log_blocks import KeptBlock
from pipelines.stores.logbook.log_entries import LoggedPrediction
from services.prediction.answers import Answers, interleave, part, scored, stamp
from services.prediction.live_model import LiveModel

AT = "2024-01-05 12:00:00.000000"
COLUMNS = (
    Column(name="x", kind="numeric"),
    Column(name="c", kind="categorical"),
    Column(name="at", kind="datetime", feature=False),
    Column(name="hidden", kind="numeric", asked=False),
)
PROBLEM = Problem.model_validate({"name": "p", "data": {"source": "t.csv", "target": "y"}})
NAT = np.datetime64("NaT", "us")


def model(task: str = "binary", version: int = 1, **more: Any) -> LiveModel:
    classes = {"classes": ["false", "true"], "class_type": "boolean"} if task != "regression" else {}
    contract = Contract.model_validate(
        {"problem": "p", "task": task, "target": "y", "time": "at", "columns": COLUMNS, **classes, **more}
    )
    return LiveModel(ReleaseInfo("p", version, f"run{version}", "", "", ""), contract, PROBLEM, {})


def columns() -> dict[str, Any]:
    return {
        "x": [1.5, float("nan")],
        "c": ["a", None],
        "at": [np.datetime64("2024-01-03T04:05:06", "us"), NAT],
        "hidden": [1.0, 2.0],
    }


def answer(one: LiveModel, scores: Any) -> tuple[Answers, list[LoggedPrediction]]:
    given, times = columns(), np.array(["2024-01-03T04:05:06", AT], "M8[us]")
    found = scored(one, given, times, np.array(scores), {"h": np.array([0.5, np.nan])}, [(AT, 1), (AT, 1)])
    block = found.block()
    kept = KeptBlock(block.problem, block.version, block.run_id, block.source, block.ids, block.content)
    for start, asked in enumerate(found.asked):  # what the log keeps of one request alone is the same
        alone = found.part({name: values[start : start + 1] for name, values in given.items()}, start, asked).block()
        again = KeptBlock(alone.problem, alone.version, alone.run_id, alone.source, alone.ids, alone.content)
        assert again.row(0) == kept.row(start)
    return found.answers(), [kept.row(0), kept.row(1)]


def test_the_answer_as_json_holds_id_prediction_probabilities_and_model() -> None:
    answers, _ = answer(model(), [[0.75, 0.25], [0.1, 0.9]])
    body = orjson.loads(answers.as_json())
    assert body["model"] == {"problem": "p", "version": 1, "run_id": "run1"}
    assert [one["prediction"] for one in body["predictions"]] == [False, True] == answers.predictions()
    assert body["predictions"][0]["probabilities"] == {"false": 0.75, "true": 0.25}
    assert [one["id"] for one in body["predictions"]] == answers.ids


def test_the_log_keeps_what_was_answered() -> None:
    from datetime import UTC, datetime

    answers, rows = answer(model(), [[0.75, 0.25], [0.1, 0.9]])
    at = datetime(2024, 1, 5, 12, tzinfo=UTC)
    same = LoggedPrediction(
        id=answers.ids[0],
        problem="p",
        version=1,
        run_id="run1",
        at=at.replace(tzinfo=None),
        time=datetime(2024, 1, 3, 4, 5, 6),
        inputs={"x": 1.5, "c": "a", "at": "2024-01-03T04:05:06.000000"},
        prediction=False,
        probabilities={"false": 0.75, "true": 0.25},
        history={"h": 0.5},
    )
    assert rows[0] == same
    assert stamp(at) == AT
    assert rows[1].inputs == {"x": None, "c": None, "at": None}
    assert rows[1].history == {"h": None}
    assert (rows[1].time, rows[1].at) == (None, datetime(2024, 1, 5, 12))


def test_a_regression_has_values_alone() -> None:
    answers, rows = answer(model("regression"), [2.5, -1.0])
    assert orjson.loads(answers.as_json())["predictions"][1] == {"id": answers.ids[1], "prediction": -1.0}
    assert (rows[0].prediction, rows[0].probabilities) == (2.5, None)


@pytest.mark.parametrize("kind", ["integer", "text", "number"])
def test_predictions_have_the_type_of_their_class(kind: str) -> None:
    names = {"integer": ["3", "7"], "text": ["no", "yes"], "number": ["0.5", "1.5"]}[kind]
    wanted = {"integer": 7, "text": "yes", "number": 1.5}[kind]
    answers, rows = answer(model(classes=names, class_type=kind), [[0.2, 0.8], [0.2, 0.8]])
    assert answers.predictions()[0] == orjson.loads(answers.written[0])["prediction"] == rows[0].prediction
    assert answers.predictions()[0] == wanted


def test_a_part_is_the_answer_to_some_rows() -> None:
    whole, _ = answer(model(), [[0.75, 0.25], [0.1, 0.9]])
    last = part(whole, 1, 2)
    assert (last.ids, last.predictions()) == (whole.ids[1:], [True])


def test_answers_of_two_releases_come_in_the_order_of_the_request() -> None:
    main, _ = answer(model(), [[0.75, 0.25], [0.6, 0.4]])
    other, _ = answer(model(version=2), [[0.1, 0.9], [0.2, 0.8]])
    mask = np.array([True, False, False, True])
    both = interleave(mask, main, other)
    assert both.ids == [other.ids[0], main.ids[0], main.ids[1], other.ids[1]]
    assert both.predictions() == [True, False, False, True]
    assert [one.info.version for one in both.by or []] == [2, 1, 1, 2]
    body = orjson.loads(both.as_json())
    assert body["model"]["version"] == 1
    assert [one.get("model", {}).get("version") for one in body["predictions"]] == [2, None, None, 2]


def test_a_challenger_may_answer_every_row() -> None:
    other, _ = answer(model(version=2), [[0.1, 0.9], [0.2, 0.8]])
    both = interleave(np.array([True, True]), None, other)
    assert both.model.info.version == 2
    assert both.ids == other.ids
