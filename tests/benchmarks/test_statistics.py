from __future__ import annotations

import numpy as np
import pytest

from benchmarks.serving.statistics import median, percentile, ratio, spread


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_medians_and_percentiles_are_those_of_numpy(size: int) -> None:
    values = np.random.default_rng(size).exponential(size=size).tolist()
    assert median(values) == pytest.approx(np.median(values))
    for share in (0.5, 0.9, 0.99, 1.0):
        assert percentile(values, share) == pytest.approx(np.quantile(values, share, method="inverted_cdf"))


def test_the_spread_of_equal_rounds_is_none() -> None:
    assert spread([3.0]) == spread([3.0, 3.0]) == spread([0.0]) == 0.0
    assert spread([1.0, 2.0, 4.0]) == 1.5


def test_a_ratio_needs_both() -> None:
    assert ratio(3.0, 2.0) == 1.5
    assert ratio(None, 2.0) is ratio(3.0, None) is ratio(3.0, 0.0) is None
