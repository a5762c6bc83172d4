"""Examine: every part on any table, leaks named, nothing that ends a training, and the same again."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.contract import infer_contract
from pipelines.core.learners import make_pipeline
from pipelines.core.problem import Problem
from pipelines.core.scoring import score
from pipelines.core.splitting import split
from pipelines.core.trials import fit_rows
from pipelines.steps.examine import Candidate, examine
from pipelines.steps.prepare import prepare_frame
from pipelines.stores.bundles.model_file import save_model

PARTS = {"fitted", "leaks", "fairness", "robustness", "behaviour", "explanation", "cost", "notes"}


def candidate(folder: Path, frame: pd.DataFrame, learner: str = "linear", **more: Any) -> Candidate:
    problem = Problem.model_validate({"name": "p", "data": {"source": "t.csv", "target": "y"}, **more})
    contract = infer_contract(problem, frame)
    rows = prepare_frame(problem, contract, frame)
    rows["__side"] = split(rows, problem, contract.task)
    names = [column.name for column in contract.features]
    fitted = rows.iloc[fit_rows(rows)]
    labels = fitted["__y"] if contract.task == "regression" else fitted["__y"].astype(int)
    pipeline = make_pipeline(learner, contract, [], contract.task, {}, 0).fit(fitted[names], labels)
    save_model(pipeline, folder / "model.skops")
    test = rows[rows["__side"] == "test"].sort_values("__row", ignore_index=True)
    scores = score(pipeline, contract.task, test)
    return Candidate(problem, contract, pipeline, folder / "model.skops", rows, test, scores)


def people(rows: int = 300, seed: int = 0) -> pd.DataFrame:
    source = np.random.default_rng(seed)
    frame = pd.DataFrame({"income": source.normal(size=rows), "age": source.integers(18, 90, rows).astype(float)})
    frame["sex"] = source.choice(["f", "m"], rows)
    frame["note"] = [" ".join(source.choice(["good", "bad", "late", "early", "rich", "poor"], 6)) for _ in range(rows)]
    frame.loc[source.random(rows) < 0.1, "income"] = np.nan
    frame["y"] = np.where(frame["income"].fillna(0) + source.normal(size=rows) > 0, "yes", "no")
    return frame


GOOD_ENOUGH: dict[str, Any] = {
    "protected": ["sex", "age"],
    "behaviour": [{"feature": "income", "add": 1.0, "expect": "higher"}],
}


def test_every_part_is_there_and_comes_again(tmp_path: Path) -> None:
    one = candidate(tmp_path, people(), good_enough=GOOD_ENOUGH)
    found = examine(one)
    assert set(found) == PARTS
    assert found["notes"] == []
    assert found["leaks"] == []
    assert found["fitted"]["log_loss"].value < 0.7
    assert [part.column for part in found["fairness"]] == ["sex", "age"]
    assert len(found["robustness"]) == 6
    assert found["behaviour"][0].passed
    assert found["explanation"].importances[0].feature == "income"
    assert found["explanation"].importances[0].contribution is not None
    assert found["cost"].model_bytes > 0
    again = examine(one)
    assert {name: again[name] for name in PARTS - {"cost"}} == {name: found[name] for name in PARTS - {"cost"}}


def test_protected_columns_need_not_be_features(tmp_path: Path) -> None:
    one = candidate(tmp_path, people(), good_enough={"protected": "sex"}, features={"ignored": "sex"})
    assert "sex" not in one.subject().names
    assert examine(one)["fairness"][0].gaps["demographic_parity_difference"].value is not None
    blind = replace(one, test=one.test.drop(columns="sex"))
    found = examine(blind)
    assert found["fairness"] == []
    assert any("'sex' is not among" in note for note in found["notes"])


def test_a_leak_is_named_and_one_of_memory_shows_in_the_fit(tmp_path: Path) -> None:
    frame = people()
    frame["decided"] = np.where(frame["y"] == "yes", 3.0, 1.0)
    found = examine(candidate(tmp_path, frame))
    assert [leak.feature for leak in found["leaks"]] == ["decided"]


def test_the_model_without_compiled_form_is_explained_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = candidate(tmp_path, people(), learner="random_forest")
    monkeypatch.setattr("pipelines.steps.examine._compiled", lambda candidate: None)
    assert any("sampled Shapley" in note for note in examine(one)["explanation"].notes)


def test_no_time_is_no_explanation(tmp_path: Path) -> None:
    found = examine(candidate(tmp_path, people(), good_enough={"explain_seconds": 0}))
    assert "explanation" not in found
    assert found["notes"] == []


def test_a_part_that_fails_is_left_out_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(subject: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr("pipelines.steps.examine.stress", broken)
    found = examine(candidate(tmp_path, people()))
    assert "robustness" not in found
    assert found["notes"] == ["robustness could not be examined (RuntimeError: out of luck)"]


def odd(kind: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    source = np.random.default_rng(0)
    if kind == "one feature, twenty rows":
        x = np.arange(25.0) % 7
        return pd.DataFrame({"x": x, "y": np.where(source.random(25) < 0.5, "a", "b")}), {}
    if kind == "constant values":
        return pd.DataFrame({"x": source.normal(size=60), "y": np.where(np.arange(60) == 7, 3.0, 2.5)}), {
            "task": "regression"
        }
    if kind == "only texts":
        words = [" ".join(source.choice(["a", "b", "c", "d", "e", "f", "g"], 7)) for _ in range(80)]
        return pd.DataFrame({"words": words, "y": source.normal(size=80)}), {"features": {"text": ["words"]}}
    if kind == "nothing in it":
        frame = pd.DataFrame({"x": np.nan, "c": pd.Series([None] * 80, dtype=object), "y": source.normal(size=80)})
        return frame, {"features": {"numeric": ["x"], "categorical": ["c"]}}
    frame = pd.DataFrame({"x": source.normal(size=90), "d": pd.date_range("2024-01-01", periods=90).repeat(1)})
    frame["flag"] = source.random(90) < 0.5
    frame["y"] = ["common"] * 60 + ["other"] * 27 + ["rare", "rarer", "rarest"]
    return frame, {}


@pytest.mark.parametrize(
    "kind", ["one feature, twenty rows", "constant values", "only texts", "nothing in it", "rare classes"]
)
def test_odd_tables_are_examined_as_far_as_they_go(kind: str, tmp_path: Path) -> None:
    frame, more = odd(kind)
    protected = next(name for name in frame if name != "y")
    behaviour = [{"feature": protected, "replace": 1.0, "expect": "same"}]
    one = candidate(tmp_path, frame, good_enough={"protected": protected, "behaviour": behaviour}, **more)
    began = time.process_time()
    found = examine(one)
    assert time.process_time() - began < 20
    assert {"leaks", "robustness", "behaviour", "cost", "fitted", "fairness"} <= set(found)
    assert found["leaks"] == []
    assert all("undefined" in note for note in found["notes"])


def test_one_held_out_row_of_one_class(tmp_path: Path) -> None:
    one = candidate(tmp_path, people(), good_enough=GOOD_ENOUGH)
    single = replace(one, test=one.test.head(1), scores=one.scores[:1])
    found = examine(single)
    assert found["leaks"] == []
    assert found["explanation"].rows == 1
