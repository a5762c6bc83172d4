from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.contract import check, check_rows, encode_target, infer_contract
from pipelines.core.evaluation.replay import MOST, ODD, STRANGE, Replay, make_replay, received
from pipelines.core.learners import make_pipeline
from pipelines.core.problem import Problem
from pipelines.core.scoring import score

PROBLEM = {
    "name": "loans",
    "data": {"source": "loans.csv", "target": "repaid"},
    "features": {
        "numeric": ["amount", "count", "employed"],
        "categorical": ["purpose", "region"],
        "datetime": "since",
        "overrides": {"amount": {"required": True}, "purpose": {"categories": ["car", "house"]}},
    },
}


def table(rows: int) -> pd.DataFrame:
    random = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "amount": random.normal(size=rows),
            "count": random.integers(0, 9, rows),
            "employed": random.random(rows) < 0.5,
            "purpose": random.choice(["car", "house"], rows),
            "region": random.choice(["north", "süd", None], rows),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 900, rows), "D"),
            "repaid": random.choice(["yes", "no"], rows),
        }
    )


def replayed(rows: int, task: str = "binary") -> tuple[Any, Any, Replay]:
    problem, frame = Problem.model_validate(PROBLEM), table(rows)
    if task == "regression":
        problem, frame["repaid"] = Problem.model_validate({**PROBLEM, "task": task}), 7 * frame["amount"]
    contract = infer_contract(problem, frame)
    typed = check(contract, frame).frame
    pipeline = make_pipeline("linear", contract, [], contract.task, {}, 0)
    pipeline.fit(typed, encode_target(contract, frame["repaid"]))
    held_out = typed.assign(__row=[str(row) for row in range(rows)], __time=pd.NaT)
    return contract, pipeline, make_replay(pipeline, contract, held_out, None)


def test_rows_are_what_a_client_may_send_and_the_batch_answers_them_the_same() -> None:
    contract, pipeline, replay = replayed(900)
    assert len(replay.rows) == len(replay.names) == len(replay.expected) == MOST + ODD
    sent = json.loads(json.dumps(replay.rows, allow_nan=False))
    checked = check_rows(contract, sent)
    assert checked.issues == ()
    found = score(pipeline, contract.task, pd.DataFrame(checked.columns))
    np.testing.assert_allclose(found, replay.expected, rtol=0, atol=1e-12)


def test_they_hold_what_breaks_services() -> None:
    _, _, replay = replayed(900)
    everything = [value for row in replay.rows for value in row.items()]
    assert {type(value) for name, value in everything if name == "count"} >= {int, type(None)}
    assert {value for name, value in everything if name == "employed"} == {True, False, None}
    assert any(value is None for name, value in everything if name == "region")
    assert any("region" not in row for row in replay.rows)
    assert ("region", STRANGE) in everything
    assert ("purpose", STRANGE) not in everything, "a closed set refuses others"
    assert all(row.get("amount") is not None for row in replay.rows), "a value is required"
    assert len({tuple(row) for row in replay.rows}) > 100, "keys come in any order"
    bare = replay.rows[MOST]
    assert {value for name, value in bare.items() if name != "amount"} <= {None}


def test_it_is_the_same_each_time_and_few_rows_are_enough() -> None:
    assert replayed(30)[2].rows == replayed(30)[2].rows
    assert len(replayed(30)[2].rows) == 60
    assert replayed(30)[2].scale == 1.0
    assert replayed(30, "regression")[2].scale == pytest.approx(np.abs(replayed(30, "regression")[2].expected).max())


def test_rows_without_a_moment_are_left_out_where_history_counts() -> None:
    contract, pipeline, _ = replayed(30)

    class Nothing:
        columns: tuple[str, ...] = ()

        def lookup(self, columns: Any, times: np.ndarray) -> dict[str, np.ndarray]:
            return {}

    times = pd.Series(pd.NaT, index=range(30)).astype("M8[us]")
    times[3] = pd.Timestamp("2024-01-01")
    held_out = check(contract, table(30)).frame.assign(__row=[str(row) for row in range(30)], __time=times)
    replay = make_replay(pipeline, contract, held_out, Nothing())  # type: ignore[arg-type]
    assert replay.names == ["row 3", "row 3, made odd"]


def test_an_answer_whose_label_is_another_is_none() -> None:
    contract, _, _ = replayed(30)
    shares = {"no": 0.75, "yes": 0.25}
    found = received(contract, [{"prediction": name, "probabilities": shares} for name in ("no", "yes")] + [{}])
    assert found[0].tolist() == [0.75, 0.25]
    assert np.isnan(found[1:]).all()
    contract, _, _ = replayed(30, "regression")
    assert received(contract, [{"prediction": 1.5}, {}])[0] == 1.5
