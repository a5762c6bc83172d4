from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier

from pipelines.core.compilation.compiling_trees import CannotCompile, boosted_trees, forest_trees, lightgbm_trees
from pipelines.core.compilation.tree_text import write_trees
from pipelines.core.estimators import LightGBMClassifier
from pipelines.stores.bundles.tree_kernel import TreeKernel


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    source = np.random.default_rng(0)
    found = source.normal(size=(400, 5))
    found[source.random(found.shape) < 0.1] = np.nan
    found[::7, 0] = 0.0
    return found


def sums(found: Any, table: np.ndarray) -> np.ndarray:
    trees, width, outputs = found
    return TreeKernel(write_trees(trees, width, outputs), width, outputs).raw(table)


def test_histogram_gradient_boosting_is_bit_equal(table: np.ndarray) -> None:
    value = np.nan_to_num(table[:, 0]) + np.isnan(table[:, 1])
    regression = HistGradientBoostingRegressor(max_iter=20, min_samples_leaf=3).fit(table, value)
    np.testing.assert_array_equal(sums(boosted_trees(regression), table)[:, 0], regression.predict(table))
    classes = HistGradientBoostingClassifier(max_iter=20).fit(table, np.digitize(value, [0.0, 0.7]))
    np.testing.assert_array_equal(sums(boosted_trees(classes), table), classes.decision_function(table))


def test_a_forest_goes_the_same_ways(table: np.ndarray) -> None:
    label = np.digitize(np.nan_to_num(table[:, 0]), [-0.5, 0.5])
    forest = RandomForestClassifier(10, random_state=0).fit(table, label)
    single = table.astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(sums(forest_trees(forest, 3), single), forest.predict_proba(table), atol=1e-15)


def test_lightgbm_text_is_read_number_for_number(table: np.ndarray) -> None:
    model = LightGBMClassifier(n_estimators=15, min_child_samples=5).fit(table, (table[:, 0] > 0).astype(int))
    found = 1 / (1 + np.exp(-sums(lightgbm_trees(model, "sigmoid"), table)[:, 0]))
    np.testing.assert_allclose(found, model.predict_proba(table)[:, 1], atol=1e-15)
    with pytest.raises(CannotCompile, match="objective"):
        lightgbm_trees(model, "value")
    model.model_ = model.model_.replace("num_cat=0", "num_cat=1")
    with pytest.raises(CannotCompile, match="categories"):
        lightgbm_trees(model, "sigmoid")


def test_trees_that_split_categories_are_refused(table: np.ndarray) -> None:
    coded = np.abs(np.round(np.nan_to_num(table)))
    model = HistGradientBoostingRegressor(max_iter=2, categorical_features=[0]).fit(coded, coded[:, 0])
    with pytest.raises(CannotCompile, match="categorical"):
        boosted_trees(model)
