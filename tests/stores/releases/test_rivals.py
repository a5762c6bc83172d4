from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.settings import Settings
from pipelines.steps.evaluate import evaluate
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.data.tables import read_parquet
from pipelines.stores.problems.contracts import read_contract
from pipelines.stores.releases.release_files import make_bundle
from pipelines.stores.releases.rivals import rival_scores


def champion_of(toy: ModuleType, settings: Settings, **parts: Any) -> tuple[Bundle, Any]:
    run = toy.make_run(settings, **parts)
    card, decision = toy.judged(run, None, evaluate)
    return Bundle.open(make_bundle(run.loaded, run.folder, toy.lineage(run), card, decision)), run


def scored(rival: Bundle, run: Any) -> tuple[np.ndarray | None, str | None]:
    rows = read_parquet(run.folder / "features.parquet")
    contract = read_contract(run.folder / "contract.json")
    return rival_scores(rival, run.loaded.problem, contract, rows, run.folder / "prepared.parquet")


def test_a_rival_answers_as_it_did_at_its_own_release(toy: ModuleType, settings: Settings) -> None:
    rival, run = champion_of(toy, settings)
    scores, why = scored(rival, run)
    assert why is None
    assert scores is not None
    rows = read_parquet(run.folder / "features.parquet")
    reference = pd.read_parquet(rival.reference_path).set_index("__row")["__probability_true"]
    found = pd.Series(scores[:, 1], index=rows["__row"]).loc[reference.index]
    assert found.to_numpy() == pytest.approx(reference.to_numpy(), abs=1e-12)


def test_history_that_the_candidate_lacks_or_defines_otherwise_is_looked_up(
    toy: ModuleType, settings: Settings
) -> None:
    rival, run = champion_of(toy, settings)
    expected, _ = scored(rival, run)
    other = toy.make_run(settings, window="1d")
    changed = read_parquet(other.folder / "features.parquet")["rate"]
    assert not changed.equals(read_parquet(run.folder / "features.parquet")["rate"])
    scores, why = scored(rival, other)
    assert why is None
    assert scores == pytest.approx(expected, abs=1e-12)


def test_a_rival_that_cannot_answer_says_why(toy: ModuleType, settings: Settings) -> None:
    rival, run = champion_of(toy, settings)
    gone = toy.make_run(settings, hidden=("rain",))
    assert scored(rival, gone) == (None, "columns that it needs are gone: rain")
    otherwise = toy.make_run(settings, target="{column: late, expression: 'not late'}")
    assert scored(rival, otherwise) == (None, "it predicts another target")
    (rival.folder / "model.skops").write_bytes(b"damaged")
    scores, why = scored(Bundle(rival.folder), run)
    assert scores is None
    assert str(why).startswith("ModelFileError: ")
