from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from pipelines.core.backtesting.spans import stretch, windows
from pipelines.core.errors import NotEnoughData, ProblemError

WEEK = timedelta(days=7)


def test_without_labels_there_is_nothing_to_rehearse() -> None:
    with pytest.raises(NotEnoughData, match="no row has a label"):
        stretch(np.array([], dtype="datetime64[us]"), None, None, WEEK)


def test_what_a_person_says_is_what_is_done() -> None:
    days = np.arange("2013-01-01", "2014-01-01", dtype="datetime64[D]").astype("M8[us]")
    start, end = datetime(2013, 3, 1, tzinfo=UTC), datetime(2013, 5, 1, tzinfo=UTC)
    assert stretch(days, start, end, WEEK) == (start, end)


def test_a_stretch_shorter_than_a_window_is_refused() -> None:
    days = np.arange("2013-01-01", "2013-01-05", dtype="datetime64[D]").astype("M8[us]")
    with pytest.raises(ProblemError, match="no window of 7 days"):
        stretch(days, None, None, WEEK)


def test_windows_stand_back_to_back() -> None:
    found = windows(datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 3, 1, tzinfo=UTC), WEEK)
    assert len(found) == 8
    assert all(one[1] == other[0] for one, other in pairwise(found))


def test_too_many_windows_are_refused() -> None:
    with pytest.raises(ProblemError, match="longer --window"):
        windows(datetime(2013, 1, 1), datetime(2014, 1, 1), timedelta(minutes=1))
