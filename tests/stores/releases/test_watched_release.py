from __future__ import annotations

from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from pipelines.core.contract import Column, Contract
from pipelines.core.settings import Settings
from pipelines.steps.evaluate import evaluate
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.releases.release_files import make_bundle
from pipelines.stores.releases.watched_release import feature_usage, release_side, watched_release
from pipelines.stores.storage.files import read_json


def test_a_bundle_and_its_run_have_the_same_side(toy: ModuleType, settings: Settings) -> None:
    run = toy.make_run(settings, rows=500)
    card, decision = toy.judged(run, None, evaluate)
    folder = make_bundle(run.loaded, run.folder, toy.lineage(run), card, decision)
    released = watched_release(Bundle.open(folder, 3))
    contract = Contract.model_validate(read_json(run.folder / "contract.json"))
    frame = pd.read_parquet(run.folder / "reference.parquet")
    mine = release_side(3, contract, ["rate"], frame, read_json(run.folder / "scorecard.json"))
    assert (released.version, released.losses, released.usage) == (3, mine.losses, mine.usage)
    pd.testing.assert_frame_equal(released.reference.frame, mine.reference.frame)
    assert released.reference.scores.shape == (len(frame), 2)
    assert released.losses["log_loss"] == pytest.approx(card.metrics["log_loss"].value)
    assert set(released.usage) >= {"rain", "line", "noise", "rate"}
    assert sum(released.usage.values()) == pytest.approx(1)
    assert released.usage["noise"] < 0.2 < released.usage["rain"]
    assert np.isfinite(released.reference.labels).all()


def test_a_regression_without_explanation() -> None:
    contract = Contract(problem="p", task="regression", target="y", columns=(Column(name="x", kind="numeric"),))
    frame = pd.DataFrame({"x": [1.0, None], "prediction": [2.0, 3.0], "label": [2.5, None]})
    side = release_side(1, contract, [], frame, {"metrics": {"rmse": {"value": 0.5}, "r2": {"value": None}}})
    assert side.reference.scores.tolist() == [2.0, 3.0]
    assert (side.losses, side.usage) == ({"rmse": 0.5}, {})


@pytest.mark.parametrize("explained", [None, {"importances": []}, {"importances": [{"feature": "a", "fall": -1.0}]}])
def test_nobody_knows_the_usage(explained: object) -> None:
    assert feature_usage({"explanation": explained}) == {}


def test_contributions_count_before_falls() -> None:
    told = [{"feature": "a", "fall": 9.0, "contribution": 1.0}, {"feature": "b", "fall": 0.0, "contribution": 3.0}]
    assert feature_usage({"explanation": {"importances": told}}) == {"a": 0.25, "b": 0.75}
