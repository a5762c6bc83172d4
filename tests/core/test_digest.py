"""The model digest: the same model has the same one, another model has another."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestRegressor

from pipelines.core.digest import model_digest
from pipelines.core.learner import Size
from pipelines.core.learners import CATALOGUE, make_pipeline

PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(PLAIN)
def test_equal_values_have_equal_digests(value: Any) -> None:
    import copy

    assert model_digest(value) == model_digest(copy.deepcopy(value))


def test_values_that_differ_in_the_last_bit_differ() -> None:
    assert model_digest(np.array([0.1])) != model_digest(np.nextafter([0.1], 1))
    assert model_digest([1, 2]) != model_digest([12])
    assert model_digest({"a": 1}) != model_digest({"a": "1"})
    assert model_digest(np.array([1, 2])) != model_digest(np.array([[1, 2]]))


def test_padding_of_structs_and_ways_to_compute_are_no_part_of_a_model() -> None:
    padded = np.dtype({"names": ["a", "b"], "formats": ["<i8", "u1"], "offsets": [0, 8], "itemsize": 16})
    field = np.dtype([("a", "<i8"), ("b", "u1"), ("rest", "u1", 7)])
    clean, dirty = (np.array([(1, 3, [rest] * 7), (2, 4, [rest] * 7)], field).view(padded) for rest in (0, 255))
    assert clean.tobytes() != dirty.tobytes()
    assert model_digest(clean) == model_digest(dirty)
    assert model_digest(RandomForestRegressor(n_jobs=1)) == model_digest(RandomForestRegressor(n_jobs=2))
    assert model_digest(np.random.default_rng(0)) == model_digest(np.random.default_rng(1))


def test_sparse_tables_and_circles() -> None:
    table = scipy.sparse.csr_matrix(np.eye(3))
    assert model_digest(table) == model_digest(table.copy())
    assert model_digest({np.float64, np.int64}) == model_digest({np.int64, np.float64})

    class Circle:
        def __init__(self) -> None:
            self.me = self

    assert model_digest(Circle()) == model_digest(Circle())


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_two_fits_have_one_digest_whatever_the_threads(name: str, task: Any, make: Callable[..., Any]) -> None:
    frame, y, contract = make(task, rows=120)
    params = _small(name, CATALOGUE[name].defaults(Size(task, 120, 20))[0])
    labels = y if task == "regression" else y.astype(int)
    fits = [
        make_pipeline(name, contract, ["past"], task, params, 0, threads).fit(rows, labels)
        for threads, rows in ((1, frame), (2, frame[frame.columns[::-1]]))
    ]
    ordered = fits[1].fit(frame, labels)  # which columns came first is kept by scikit-learn, and is no parameter
    assert model_digest(fits[0]) == model_digest(ordered)
    other = make_pipeline(name, contract, ["past"], task, params, 0).fit(frame.iloc[1:], labels[1:])
    assert model_digest(fits[0]) != model_digest(other)


def _small(name: str, params: dict[str, Any]) -> dict[str, Any]:
    rounds = {"lightgbm": "n_estimators", "random_forest": "n_estimators", "histogram_gradient_boosting": "max_iter"}
    return {**params, rounds[name]: 8} if name in rounds else params


PROGRAM = """
import numpy as np, sys
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from pipelines.core.digest import model_digest
from pipelines.core.estimators import LightGBMRegressor
rng = np.random.default_rng(0)
X, y = rng.normal(size=(300, 4)), rng.normal(size=300)
models = LightGBMRegressor(9), HistGradientBoostingRegressor(max_iter=9), RandomForestRegressor(9, random_state=0)
print([model_digest(model.fit(X, y)) for model in models])
"""


@pytest.mark.slow
def test_two_processes_with_other_hash_seeds_and_threads_agree() -> None:
    import os

    told = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed, threads in (("1", "1"), ("2", "2"))
    ]
    assert told[0] == told[1]
    assert len(told[0]) > 64
