"""A view tells apart what each release answered."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from pipelines.core.observation import Answered
from pipelines.core.watching.view import View


def test_the_rows_of_one_release() -> None:
    moments = np.array(["2021-03-01", "2021-03-02", "2021-03-03"], dtype="datetime64[us]")
    scores, labels = np.array([1.0, 2.0, 3.0]), np.array([np.nan, 2.0, 3.0])
    sample = Answered(pd.DataFrame({"x": ["a", "b", "c"]}), moments, scores, labels, {})
    day = datetime(2021, 3, 1, tzinfo=UTC)
    view = View(day, day, day, 3, {1: 1, 2: 2}, [], sample, np.array([2, 1, 2]))
    mine = view.of(2)
    assert mine.frame["x"].tolist() == ["a", "c"]
    assert mine.moments.tolist() == moments[[0, 2]].tolist()
    assert mine.scores.tolist() == [1.0, 3.0]
    np.testing.assert_array_equal(mine.labels, [np.nan, 3.0])
    assert len(view.of(7)) == 0
