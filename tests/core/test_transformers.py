"""Our transformers: nothing given is changed, layout in memory makes no difference, nothing extrapolates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.feature_extraction.text import TfidfVectorizer

from pipelines.core.transformers import DatetimeParts, RawNumbers, ScaledNumbers, TextTopics, TextWords

NUMBERS = st.one_of(st.just(float("nan")), st.floats(-1e300, 1e300), st.sampled_from([0.0, -0.0, 1e30]))
TABLES = arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 4)), elements=NUMBERS)


@given(TABLES, TABLES)
def test_numbers_come_out_finite_or_missing_and_the_input_untouched(seen: np.ndarray, other: np.ndarray) -> None:
    asked = np.resize(other, (3, seen.shape[1]))
    for transformer in (ScaledNumbers(), RawNumbers()):
        given_, kept = seen.copy(), asked.copy()
        made = transformer.fit(given_).transform(kept)
        np.testing.assert_array_equal(given_, seen)
        np.testing.assert_array_equal(kept, asked)
        assert not np.isinf(made).any()
        if isinstance(transformer, ScaledNumbers):
            assert np.isfinite(made).all()


@given(TABLES)
def test_layout_in_memory_makes_no_difference(table: np.ndarray) -> None:
    straight, turned = ScaledNumbers().fit(table), ScaledNumbers().fit(np.asfortranarray(table))
    for name, value in vars(straight).items():
        np.testing.assert_array_equal(value, vars(turned)[name])


def test_a_linear_model_never_sees_more_than_the_range_seen() -> None:
    fitted = ScaledNumbers().fit(np.array([[0.0], [10.0]]))
    assert fitted.transform(np.array([[-500.0], [5.0], [500.0]])).tolist() == [[-1.0], [0.0], [1.0]]


def test_where_values_were_missing_is_told() -> None:
    fitted = ScaledNumbers().fit(np.array([[1.0, np.nan, 2.0], [3.0, np.nan, np.nan]]))
    made = fitted.transform(np.array([[np.nan, 7.0, np.nan]]))
    assert made.tolist() == [[0.0, 0.0, 0.0, 1.0]]  # three columns, and one flag for the column with some missing


def test_datetime_parts_agree_with_pandas_and_missing_stays_missing() -> None:
    moments = pd.Series(
        pd.to_datetime(["1969-12-31 23:59:59", "2024-02-29 12:30:00", None, "2100-01-01 00:00:00"])
    ).astype("M8[us]")
    made = DatetimeParts().fit_transform(moments.to_frame("at"))
    parts = moments.dt
    expected = np.column_stack([parts.year, parts.month, parts.dayofweek, parts.dayofyear, parts.hour])
    np.testing.assert_array_equal(made, expected)
    cyclic = DatetimeParts(cyclic=True).fit_transform(moments.to_frame("at"))
    assert cyclic.shape == (4, 9)
    assert np.isnan(cyclic[2]).all()
    assert np.abs(cyclic[[0, 1, 3], 1:]).max() <= 1


TEXTS = pd.DataFrame({"t": ["a late flight", "late late train", None, "", "Ünïcode fog"]})


def test_words_are_weighed_as_scikit_learn_weighs_them() -> None:
    texts = TEXTS["t"].fillna("").tolist()
    expected = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform(texts)
    made = TextWords(2**16).fit_transform(TEXTS)
    np.testing.assert_allclose((made @ made.T).toarray(), (expected @ expected.T).toarray(), atol=1e-12)


@pytest.mark.parametrize("transformer", [TextWords(64), TextTopics(3, 64)])
def test_texts_fitted_and_transformed_at_once_or_in_turn(transformer: Any) -> None:
    at_once = transformer.fit_transform(TEXTS)
    in_turn = transformer.fit(TEXTS).transform(TEXTS)
    dense = [made if isinstance(made, np.ndarray) else made.toarray() for made in (at_once, in_turn)]
    np.testing.assert_allclose(dense[0], dense[1], atol=1e-12)


def test_topics_of_texts_without_words() -> None:
    empty = pd.DataFrame({"t": [None, "", " "]})
    assert TextTopics().fit_transform(empty).tolist() == [[0.0], [0.0], [0.0]]
    assert TextTopics().fit(empty).transform(pd.DataFrame({"t": ["word"]})).tolist() == [[0.0]]
