from __future__ import annotations

import numpy as np
import pytest

from benchmarks.decisions.spread import Spread


def test_duels_of_several_processes_add_up() -> None:
    found = Spread.of(1.0) + Spread.of(2.0) + Spread.of(float("nan"))
    assert (found.count, found.total, found.squares) == (2, 3.0, 5.0)


def test_no_test_with_a_known_spread_does_better_than_the_bound() -> None:
    values = np.random.default_rng(0).normal(2.0, 1.0, 4000)
    found = sum((Spread.of(float(one)) for one in values), Spread())
    assert found.bound(0.05) == pytest.approx(float((values > 1.645).mean()), abs=0.01)


def test_what_never_differs_has_no_bound() -> None:
    assert (Spread.of(1.0) + Spread.of(1.0)).bound(0.05) is None
