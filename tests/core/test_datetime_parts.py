from __future__ import annotations

import numpy as np

from pipelines.core.datetime_parts import datetime_parts


def test_parts_of_odd_days() -> None:
    moments = np.array(["1900-03-01", "2024-02-29T23:59:59.999999", "NaT", "2100-12-31T00:00"], dtype="M8[us]")
    found = datetime_parts(moments)
    assert found[[0, 1, 3]].tolist() == [[1900, 3, 3, 60, 0], [2024, 2, 3, 60, 23], [2100, 12, 4, 365, 0]]
    assert np.isnan(found[2]).all()


def test_turns_lie_on_a_circle_and_the_year_stays() -> None:
    found = datetime_parts(np.array(["2013-12-01T06:00", "NaT"], dtype="M8[us]"), cyclic=True)
    assert found.shape == (2, 9)
    assert found[0, 0] == 2013
    np.testing.assert_allclose(found[0, 1:5] ** 2 + found[0, 5:] ** 2, 1)
    assert np.isnan(found[1]).all()
