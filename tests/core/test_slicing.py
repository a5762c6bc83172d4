from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.core.slicing import MISSING, OTHERS, slice_values


def test_categories_months_and_truths_are_slices_of_their_own() -> None:
    assert slice_values(pd.Series(["b", None, "a"], dtype=object)).tolist() == ["b", MISSING, "a"]
    times = pd.Series(pd.to_datetime(["2024-01-31", None, "2024-02-01"]))
    assert slice_values(times).tolist() == ["2024-01", MISSING, "2024-02"]
    assert slice_values(pd.Series([True, False])).tolist() == ["True", "False"]


def test_few_numbers_are_taken_as_they_are_and_many_in_quarters() -> None:
    assert slice_values(pd.Series([1.0, 2.0, np.nan])).tolist() == ["1", "2", MISSING]
    many = slice_values(pd.Series(np.arange(1000.0)))
    assert len(set(many)) == 4
    assert pd.Series(many).value_counts().tolist() == [250, 250, 250, 250]


def test_a_skewed_column_has_fewer_quarters_and_infinities_do_not_hurt() -> None:
    skewed = slice_values(pd.Series([0.0] * 900 + list(range(1, 101))))
    assert set(skewed) == {"up to 0", "above 0"}
    assert len(slice_values(pd.Series([np.inf, *range(100)]))) == 101


def test_the_long_tail_is_one_slice_and_every_row_has_one() -> None:
    texts = [f"c{number}" for number in range(50) for _ in range(number + 1)]
    found = slice_values(pd.Series(texts, dtype=object))
    assert len(set(found)) == 20
    assert (found == OTHERS).sum() == sum(range(1, 32))
    assert slice_values(pd.Series([None, None], dtype=object)).tolist() == [MISSING, MISSING]
