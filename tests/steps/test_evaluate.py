from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.contract import Contract
from pipelines.core.errors import NotEnoughData
from pipelines.core.scorecard import Scorecard
from pipelines.core.settings import Settings
from pipelines.steps.evaluate import baseline_scores, copied, decoded, evaluate, forgotten
from pipelines.steps.release import release
from pipelines.stores.data.tables import read_parquet
from pipelines.stores.releases.champions import open_champion
from pipelines.stores.releases.watched_release import release_side
from pipelines.stores.storage.files import read_json


def card_of(path: Path) -> Scorecard:
    return Scorecard.model_validate(read_json(path))


def test_the_first_scorecard_has_everything_but_a_champion(toy: ModuleType, settings: Settings) -> None:
    run = toy.make_run(settings, extra="good_enough:\n  slices: [line, rain]\n")
    card = card_of(evaluate(run.loaded, run.folder, None))
    assert card.rows == 120
    assert card.champion is None
    assert card.comparison is None
    assert card.metrics["roc_auc"].value is not None
    assert card.metrics["roc_auc"].value > 0.8
    assert card.baseline["roc_auc"].value == 0.5
    assert {one.column for one in card.slices} == {"line", "rain"}
    assert any("bootstrap" in note for note in card.notes)
    assert card.period is not None
    assert card.period[0] < card.period[1]
    assert card.classes == ["false", "true"]
    assert sum(sum(row) for row in card.confusion or []) == 120


def test_the_reference_has_input_answers_and_labels(toy: ModuleType, settings: Settings) -> None:
    run = toy.make_run(settings)
    evaluate(run.loaded, run.folder, None)
    reference = pd.read_parquet(run.folder / "reference.parquet")
    assert {"rain", "line", "rate", "__prediction", "__probability_true", "__label", "__time"} <= set(reference)
    assert len(reference) == 120
    assert (reference["__prediction"] == (reference["__probability_true"] > 0.5)).all()
    features = pd.read_parquet(run.folder / "features.parquet").set_index("__row")
    truth = features.loc[reference["__row"], "__y"].to_numpy()
    assert (reference["__label"].to_numpy() == (truth == 1)).all()


def test_evaluating_again_gives_the_same_but_for_the_cost(toy: ModuleType, settings: Settings) -> None:
    run = toy.make_run(settings)
    first = card_of(evaluate(run.loaded, run.folder, None))
    reference = (run.folder / "reference.parquet").read_bytes()
    again = card_of(evaluate(run.loaded, run.folder, None))
    assert again.model_copy(update={"cost": None}) == first.model_copy(update={"cost": None})
    assert again.cost is not None
    assert (run.folder / "reference.parquet").read_bytes() == reference


def test_the_scorecard_is_examined_all_round(toy: ModuleType, settings: Settings) -> None:
    declared = "good_enough:\n  protected: [line]\n  behaviour:\n  - {feature: rain, add: 1, expect: higher}\n"
    run = toy.make_run(settings, extra=declared)
    card = card_of(evaluate(run.loaded, run.folder, None))
    assert card.calibration.corrected is not None
    assert card.fitted["log_loss"].value is not None
    assert [one.column for one in card.fairness] == ["line"]
    assert [one.passed for one in card.behaviour] == [True]
    assert card.explanation is not None
    assert {one.feature for one in card.explanation.importances} == {"at", "rain", "noise", "line", "rate"}
    assert len(card.robustness) == 6
    assert card.leaks == []


def test_the_champion_is_scored_on_the_same_rows(toy: ModuleType, settings: Settings) -> None:
    first = toy.make_run(settings, hidden=("rain",))
    evaluate(first.loaded, first.folder, None)
    assert release(first.loaded, settings, first.folder, first.ingested, toy.AS_OF).decision == "promote"
    champion = open_champion(settings, "trains")
    second = toy.make_run(settings)
    card = card_of(evaluate(second.loaded, second.folder, champion))
    assert card.champion is not None
    assert card.champion.reason is None
    assert card.champion.version == 1
    alone = card_of(first.folder / "scorecard.json").metrics["log_loss"]
    assert card.champion.metrics["log_loss"].value == pytest.approx(alone.value)
    assert card.comparison is not None
    assert card.comparison.low is not None
    assert card.comparison.low > 0


def test_rows_that_the_champion_was_trained_on_judge_nobody(toy: ModuleType, settings: Settings) -> None:
    """It learnt from the rows since a break; the candidate, after it has passed, from all rows again."""
    first = toy.make_run(settings, hidden=("rain",))
    evaluate(first.loaded, first.folder, None)
    assert release(first.loaded, settings, first.folder, first.ingested, toy.AS_OF).decision == "promote"
    champion = open_champion(settings, "trains")
    second = toy.make_run(settings)
    rows = read_parquet(second.folder / "features.parquet")
    times = rows.loc[rows["__side"] == "test", "__time"].sort_values()
    champion.release["trained_until"] = times.iloc[14].isoformat()
    path = evaluate(second.loaded, second.folder, champion)
    card, contract = card_of(path), Contract.model_validate(read_json(second.folder / "contract.json"))
    assert card.rows == (times > times.iloc[14]).sum() == 105
    assert card.period is not None
    assert pd.Timestamp(card.period[0]).tz_localize(None) == times.iloc[15]
    assert not any("trained on" in note for note in card.notes)
    reference = read_parquet(second.folder / "reference.parquet")
    assert len(reference) == 120  # what a reproduction makes again, with no champion at hand
    side = release_side(2, contract, ["rate"], reference, read_json(path))
    assert len(side.reference.frame) == 105
    champion.release["trained_until"] = times.iloc[60].isoformat()
    assert card_of(evaluate(second.loaded, second.folder, champion)).rows == 120  # the rest would be too few


def test_no_labelled_test_row_is_said(toy: ModuleType, settings: Settings) -> None:
    run = toy.make_run(settings)
    features = pd.read_parquet(run.folder / "features.parquet")
    features.loc[features["__side"] == "test", "__y"] = np.nan
    features.to_parquet(run.folder / "features.parquet")
    with pytest.raises(NotEnoughData, match="no labelled test row"):
        evaluate(run.loaded, run.folder, None)


@pytest.mark.parametrize("kept", [1, 3, 20])
def test_tiny_and_one_class_tests_are_judged(toy: ModuleType, settings: Settings, kept: int) -> None:
    run = toy.make_run(settings, extra="good_enough:\n  slices: [line]\n")
    features = pd.read_parquet(run.folder / "features.parquet")
    test = features["__side"] == "test"
    features.loc[test, "__y"] = [1.0] * kept + [np.nan] * (test.sum() - kept)
    features.to_parquet(run.folder / "features.parquet")
    card = card_of(evaluate(run.loaded, run.folder, None))
    assert card.rows == kept
    assert card.metrics["roc_auc"].value is None
    assert card.metrics["log_loss"].value is not None


def contract(**parts: Any) -> Contract:
    return Contract.model_validate({"problem": "x", "target": "y", "columns": [], **parts})


def test_the_baseline_is_learnt_from_the_training_rows_alone(toy: ModuleType, settings: Settings) -> None:
    rows = pd.DataFrame({"__side": ["train", "train", "validation", "test"], "__y": [0.0, 2.0, 2.0, 1.0]})
    problem = toy.make_run(settings, rows=200).loaded.problem
    shares = baseline_scores(problem, contract(task="multiclass", classes=["a", "b", "c"]), rows, 2)
    assert shares == pytest.approx(np.tile([1 / 3, 0, 2 / 3], (2, 1)))
    assert baseline_scores(problem, contract(task="regression"), rows, 1) == pytest.approx([4 / 3])


def test_labels_come_back_in_their_own_type() -> None:
    whole = contract(task="multiclass", classes=["1", "2"], class_type="integer")
    assert decoded(whole, np.array([1.0, 0.0])).tolist() == [2, 1]
    truth = contract(task="binary", classes=["false", "true"], class_type="boolean")
    assert decoded(truth, np.array([1.0])).tolist() == [True]
    assert decoded(contract(task="regression"), np.array([1.5])).tolist() == [1.5]


def test_rows_from_before_a_break_are_named_as_left_out(toy: ModuleType, settings: Settings) -> None:
    run = toy.make_run(settings)
    rows = read_parquet(run.folder / "features.parquet")
    assert forgotten(run.loaded.problem, rows) == []
    early = rows["__time"] < rows["__time"].sort_values().iloc[50]
    rows.loc[early, "__side"] = "older"
    [note] = forgotten(run.loaded.problem, rows)
    assert note.startswith("50 labelled rows from before 20")
    split = run.loaded.problem.split.model_copy(update={"window": timedelta(days=9)})
    assert forgotten(run.loaded.problem.model_copy(update={"split": split}), rows) == []


def test_copies_of_fitted_rows_are_named() -> None:
    rows = pd.DataFrame({"x": np.arange(200) / 7, "__y": np.arange(200) % 2, "__side": ["train"] * 150 + ["test"] * 50})
    shape: Any = SimpleNamespace(rows=rows, test=rows.tail(50), pipeline=SimpleNamespace(feature_names_in_=["x"]))
    assert copied(shape) == []
    shape.test = pd.concat([rows.tail(50), rows.head(30)])
    [note] = copied(shape)
    assert note.startswith("30 of 80 held-out rows equal a row that the model was fitted on")
