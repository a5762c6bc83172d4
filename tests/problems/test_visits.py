"""The shipped problem `visits`: everything of the year that is asked about is left out."""

import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupShuffleSplit
from threadpoolctl import threadpool_limits

from pipelines.core.leaks import suspect_leaks
from pipelines.core.solo_score import solo_score
from pipelines.stores.data.tables import read_source
from pipelines.stores.problems.problem_files import load_problem

LOADED = load_problem("visits")


@pytest.fixture(scope="module")
def visits() -> pd.DataFrame:
    return read_source(LOADED.problem.data.source, LOADED.folder)


def test_every_column_is_decided_on(visits: pd.DataFrame) -> None:
    assert set(LOADED.problem.features.kinds()) | {"mdvis"} == set(visits.columns)
    assert len(visits) == 20_190
    assert not visits.duplicated(LOADED.problem.data.key).any()


def test_leaks_are_ignored_and_features_are_none(visits: pd.DataFrame) -> None:
    ranks = visits["mdvis"].rank(pct=True).to_numpy()
    scores = {
        name: solo_score(visits[name].to_numpy(dtype=float), ranks, "regression")
        for name in visits.columns.drop("mdvis")
    }
    features = LOADED.problem.features
    assert max(scores[name] for name in (*features.numeric, *features.categorical)) < 0.1
    assert {name for name, score in scores.items() if score > 0.25} <= set(features.ignored)
    assert scores["outpdol"] > 0.7
    y = visits["mdvis"].to_numpy(dtype=float)
    found = suspect_leaks(visits, y, "regression", dict.fromkeys(scores, "numeric"))
    assert {"outpdol", "lnmeddol"} <= set(found) <= set(features.ignored)


def test_the_rest_says_a_little(visits: pd.DataFrame) -> None:
    features = LOADED.problem.features
    table = visits[[*features.numeric, *features.categorical]]
    ((fit, test),) = GroupShuffleSplit(1, test_size=0.2, random_state=0).split(table, groups=visits["zper"])
    with threadpool_limits(1):  # the tests' other processes need the cores too
        model = HistGradientBoostingRegressor(max_iter=60, learning_rate=0.05, random_state=0)
        answers = model.fit(table.iloc[fit], visits["mdvis"].iloc[fit]).predict(table.iloc[test])
    assert 0.03 < r2_score(visits["mdvis"].iloc[test], answers) < 0.25
