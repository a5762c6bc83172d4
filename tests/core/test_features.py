"""Row features: every kind of column, for every flavour, whatever is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from pipelines.core.errors import ProblemError
from pipelines.core.features import build_transformer, distinct, width
from pipelines.core.schema import Column, Contract


def _dense(made: Any) -> np.ndarray:
    return np.asarray(made.todense() if hasattr(made, "todense") else made)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("flavour", ["linear", "tree"])
def test_every_kind_in_any_order_and_the_input_untouched(task: Any, flavour: Any, make: Callable[..., Any]) -> None:
    frame, y, contract = make(task)
    labels = y if task == "regression" else y.astype(int)
    before = frame.copy(deep=True)
    transformer = build_transformer(contract, ["past"], flavour)
    fitted = _dense(transformer.fit_transform(frame, labels))
    made = _dense(transformer.transform(frame))
    pd.testing.assert_frame_equal(frame, before)
    assert fitted.shape == made.shape
    assert np.isfinite(made).all() == (flavour == "linear")
    turned = frame[frame.columns[::-1]]
    np.testing.assert_array_equal(_dense(transformer.transform(turned)), made)
    again = clone(transformer).fit(turned, labels)
    np.testing.assert_array_equal(_dense(again.transform(frame)), made)
    alone = np.vstack([_dense(transformer.transform(frame.iloc[[row]])) for row in range(5)])
    np.testing.assert_allclose(alone, made[:5], atol=1e-12)


@pytest.mark.parametrize("flavour", ["linear", "tree"])
def test_unseen_and_missing_values_everywhere(flavour: Any, make: Callable[..., Any]) -> None:
    frame, y, contract = make("binary")
    transformer = build_transformer(contract, ["past"], flavour).fit(frame, y.astype(int))
    new = frame.iloc[:2].assign(colour="green", town="nowhere", note="words never read", nothing="something", empty=7.0)
    nothing = frame.iloc[:2].assign(
        **dict.fromkeys(("size", "gap [m²]", "constant", "past"), np.nan),
        **{name: pd.Series([None, None], dtype=object) for name in ("colour", "town", "note")},
        at=pd.NaT,
    )
    for rows in (new, nothing):
        assert _dense(transformer.transform(rows)).shape[0] == 2


def test_codes_of_rare_towns_are_cross_fitted(make: Callable[..., Any]) -> None:
    """In training a row's own label is not in its code: the codes of training differ from those of later rows."""
    frame, y, contract = make("regression")
    transformer = build_transformer(contract, [], "tree")
    in_training = _dense(transformer.fit_transform(frame, y))
    assert not np.array_equal(in_training, _dense(transformer.transform(frame)), equal_nan=True)


@pytest.mark.parametrize(("classes", "encoder"), [(5, "TargetEncoder"), (400, "OrdinalEncoder")])
def test_many_classes_do_not_make_thousands_of_columns(classes: int, encoder: str) -> None:
    town = Column(name="town", kind="categorical")
    names = [str(number) for number in range(classes)]
    contract = Contract(problem="p", task="multiclass", target="y", classes=names, columns=(town,))
    parts = {name: type(step).__name__ for name, step, _ in build_transformer(contract, [], "tree").transformers}
    assert parts == {"many": encoder}
    linear = {name for name, _, _ in build_transformer(contract, [], "linear").transformers}
    assert linear == ({"frequent", "many"} if classes == 5 else {"frequent"})


def test_the_width_is_about_what_is_made(make: Callable[..., Any]) -> None:
    frame, y, contract = make("binary")
    for flavour in ("linear", "tree"):
        made = build_transformer(contract, ["past"], flavour).fit_transform(frame, y.astype(int))  # type: ignore[arg-type]
        about = width(contract, ["past"], flavour)  # type: ignore[arg-type]
        assert about == width(contract, ["past"], "tree") or flavour == "linear"
        assert 10 < about < 200
        assert made.shape[1] > 10
    assert distinct(Column(name="a", kind="categorical")) == 1001


def test_no_feature_at_all_is_said() -> None:
    contract = Contract(problem="p", task="binary", target="y", classes=["0", "1"], columns=())
    with pytest.raises(ProblemError, match="no column is left"):
        build_transformer(contract, [], "tree")
