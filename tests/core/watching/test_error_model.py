from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipelines.core.observation import Answered
from pipelines.core.watching.error_model import fit_error_model


def rows(n: int, seed: int = 0) -> tuple[Answered, np.ndarray]:
    """Rows whose squared error is 1 in the south and 9 in the north."""
    source = np.random.default_rng(seed)
    place = np.where(source.random(n) < 0.5, "north", "south").astype(object)
    place[: n // 50] = None
    frame = pd.DataFrame(
        {
            "place": place,
            "flag": source.random(n) < 0.5,
            "size": source.standard_normal(n),
            "when": pd.date_range("2020-01-01", periods=n, freq="h"),
        }
    )
    error = source.standard_normal(n) * np.where(place == "north", 3.0, 1.0)
    moments = frame["when"].to_numpy(dtype="datetime64[us]")
    return Answered(frame, moments, np.zeros(n), error, {}), error**2


def test_where_errors_differ_the_model_tells_where() -> None:
    known, squares = rows(4000)
    model, apart = fit_error_model(known, squares)
    assert model.trust > 0.5
    fresh, _ = rows(1000, 1)
    expected = model.expected(fresh)
    north = (fresh.frame["place"] == "north").to_numpy()
    assert expected[north].mean() == pytest.approx(9, rel=0.2)
    assert expected[~north].mean() == pytest.approx(1.1, rel=0.4)
    assert apart.mean() == pytest.approx(squares.mean(), rel=0.1)


def test_where_errors_do_not_differ_one_number_is_enough() -> None:
    known, _ = rows(2000)
    squares = np.random.default_rng(2).standard_normal(2000) ** 2
    model, _ = fit_error_model(known, squares)
    assert model.expected(known).std() < 0.15
    assert model.spread == pytest.approx(2, rel=0.3)


def test_few_rows_have_one_number() -> None:
    known, squares = rows(50)
    model, apart = fit_error_model(known, squares)
    assert model.model is None
    assert set(apart) == {squares.mean()}


def test_the_same_rows_give_the_same_model() -> None:
    known, squares = rows(1000)
    assert (fit_error_model(known, squares)[1] == fit_error_model(known, squares)[1]).all()


def test_a_value_never_seen_is_no_trouble() -> None:
    known, squares = rows(1000)
    model, _ = fit_error_model(known, squares)
    fresh, _ = rows(20)
    fresh.frame["place"] = "west"
    fresh.frame["size"] = np.inf
    assert np.isfinite(model.expected(fresh)).all()
