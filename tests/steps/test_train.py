"""Train: deterministic, within budget, and as good as a sensible pipeline."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pipelines.core.contract import infer_contract
from pipelines.core.errors import NotEnoughData, ProblemError
from pipelines.core.problem import Problem
from pipelines.core.scoring import score
from pipelines.core.splitting import split
from pipelines.core.trials import objective
from pipelines.steps.featurize import featurize
from pipelines.steps.prepare import prepare_frame
from pipelines.steps.train import Trained, train
from pipelines.stores.bundles.model_file import load_model
from pipelines.stores.data.tables import read_parquet, write_parquet
from pipelines.stores.problems.contracts import read_contract
from pipelines.stores.problems.problem_files import LoadedProblem
from pipelines.stores.storage.files import write_json


def _prepare(folder: Path, frame: pd.DataFrame, **more: Any) -> LoadedProblem:
    data = {"source": "t.csv", "target": "y", **more.pop("data", {})}
    problem = Problem.model_validate({"name": "p", "data": data, **more})
    loaded = LoadedProblem(problem, "", folder / "p.yaml", folder)
    contract = infer_contract(problem, frame)
    prepared = prepare_frame(problem, contract, frame)
    prepared["__side"] = split(prepared, problem, contract.task)
    write_parquet(prepared, folder / "prepared.parquet")
    write_json(folder / "contract.json", contract.model_dump(mode="json"))
    featurize(loaded, folder)
    return loaded


def _held_out(folder: Path, trained: Trained) -> tuple[pd.DataFrame, np.ndarray, Any]:
    contract = read_contract(folder / "contract.json")
    frame = read_parquet(folder / "features.parquet")
    test = frame[frame["__side"] == "test"]
    return test, score(load_model(folder / "model.skops", trained.digest), contract.task, test), contract


def _table(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.random(rows)})
    frame["town"] = pd.Series(rng.choice([f"t{n}" for n in range(50)], rows), dtype=object)
    frame["y"] = np.where(frame["a"] + rng.normal(size=rows) > 0, "yes", "no")
    return frame


def test_the_same_rows_give_the_same_model_bit_for_bit(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    found = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        loaded = _prepare(folder, _table(400), search={"trials": 6})
        found.append(train(loaded, folder, lambda *news: told.append(news)))
    assert found[0].digest == found[1].digest
    assert [trial.params for trial in found[0].trials] == [trial.params for trial in found[1].trials]
    written = json.loads((tmp_path / "one" / "trained.json").read_text())
    assert written["digest"] == found[0].digest
    assert written["learner"] == found[0].learner
    assert written["rows"] == 320
    assert (len(written["trials"]), written["folds"], written["cut_short"]) == (6, 5, False)
    assert 0 < written["search_seconds"] <= written["seconds"]
    assert written["cpu_seconds"] > 0
    assert told[0][:2] == (0, 7)
    assert told[len(told) // 2 - 1][:2] == (7, 7)


def test_row_and_column_order_are_no_part_of_a_prediction(tmp_path: Path) -> None:
    loaded = _prepare(tmp_path, _table(200), search={"trials": 2})
    trained = train(loaded, tmp_path)
    test, scores, contract = _held_out(tmp_path, trained)
    turned = test[test.columns[::-1]].iloc[::-1]
    again = score(load_model(tmp_path / "model.skops"), contract.task, turned)[::-1]
    np.testing.assert_allclose(again, scores, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("table", "task", "metric", "reference"),
    [
        (load_diabetes, "regression", "rmse", make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 4, 20)))),
        (load_wine, "multiclass", "log_loss", make_pipeline(StandardScaler(), LogisticRegression())),
    ],
)
def test_as_good_as_a_sensible_pipeline(table: Any, task: Any, metric: str, reference: Any, tmp_path: Path) -> None:
    frame = table(as_frame=True).frame.rename(columns={"target": "y"})
    loaded = _prepare(tmp_path, frame, task=task, search={"trials": 6})
    trained = train(loaded, tmp_path)
    test, scores, contract = _held_out(tmp_path, trained)
    everything = read_parquet(tmp_path / "features.parquet")
    rest = everything[everything["__side"].isin(["train", "validation"])]
    names = [column.name for column in contract.features]
    reference.fit(rest[names], rest["__y"] if task == "regression" else rest["__y"].astype(int))
    theirs = reference.predict(test[names]) if task == "regression" else reference.predict_proba(test[names])
    y = test["__y"].to_numpy()
    assert objective(metric, task, y, scores)[0] < objective(metric, task, y, theirs)[0] * 1.05 + 0.05


@pytest.mark.parametrize("rows", [60, 100])
def test_a_tiny_wide_table_with_rare_classes_and_odd_names(rows: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(rows, 300)), columns=[f'x "{n}" [{{,}}] ü' for n in range(300)])
    frame["y"] = ["common"] * (rows - 22) + ["other"] * 20 + ["rare", "unique"]
    frame["gone"] = np.nan
    loaded = _prepare(tmp_path, frame, search={"trials": 5}, features={"numeric": ["gone"]})
    trained = train(loaded, tmp_path)
    test, scores, contract = _held_out(tmp_path, trained)
    assert scores.shape == (len(test), len(contract.classes))
    np.testing.assert_allclose(scores.sum(axis=1), 1)


def test_by_time_the_newest_rows_are_never_fitted_on(tmp_path: Path) -> None:
    frame = _table(500).assign(at=pd.date_range("2024-01-01", periods=500, freq="h"))
    data = {"time": "at", "label_delay": "10h"}
    loaded = _prepare(tmp_path, frame, data=data, search={"trials": 3, "max_rows": 100})
    trained = train(loaded, tmp_path)
    features = read_parquet(tmp_path / "features.parquet")
    start = features.loc[features["__side"] == "test", "__time"].min()
    known = features["__side"].isin(["train", "validation"]) & (features["__known_at"] < start)
    assert trained.rows == known.sum() < 400
    assert (trained.search_rows, trained.folds) == (100, 1)
    changed = features.copy()
    changed.loc[~known, "__y"] = 1 - changed.loc[~known, "__y"]
    write_parquet(changed, tmp_path / "features.parquet")
    assert train(loaded, tmp_path).digest == trained.digest


def test_learners_and_parameters_of_the_problem_file(tmp_path: Path) -> None:
    chosen = [{"name": "lightgbm", "params": {"num_leaves": 4, "n_estimators": 12}}]
    loaded = _prepare(tmp_path, _table(200), learners=chosen, search={"trials": 3})
    trained = train(loaded, tmp_path)
    assert {trial.learner for trial in trained.trials} == {"lightgbm"}
    assert trained.params["num_leaves"] == 4
    assert trained.params["n_estimators"] == 12
    for name in ("random_forest", "lightgbm"):
        wrong = _prepare(tmp_path, _table(200), learners=[{"name": name, "params": {"n_estimators": -3}}])
        with pytest.raises(ProblemError, match=f"learners: {name}"):
            train(wrong, tmp_path)


def test_nothing_to_learn_is_said(tmp_path: Path) -> None:
    frame = _table(60)
    loaded = _prepare(tmp_path, frame)
    features = read_parquet(tmp_path / "features.parquet")
    write_parquet(features.assign(__y=1.0), tmp_path / "features.parquet")
    with pytest.raises(NotEnoughData, match="labels to train on are the same"):
        train(loaded, tmp_path)


def test_an_outer_filter_that_makes_warnings_errors_is_met(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    collinear = pd.DataFrame({f"c{n}": rng.normal(size=80) * 0 + np.arange(80) * (n + 1) * 1e9 for n in range(40)})
    collinear["y"] = rng.normal(size=80)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = _prepare(tmp_path, collinear, task="regression", learners=["linear"], search={"trials": 8})
        assert train(loaded, tmp_path).value is not None
