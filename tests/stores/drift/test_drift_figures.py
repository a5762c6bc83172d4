from __future__ import annotations

import json

import numpy as np
import pytest

from pipelines.stores.drift.drift_figures import distributions


def test_numbers_of_both_sides_stand_in_the_same_bins() -> None:
    rng = np.random.default_rng(0)
    sides = {"current": rng.normal(1, 1, 500), "reference": rng.normal(0, 1, 2_000)}
    (now, before), layout = distributions(sides, True)
    assert now["x"] == before["x"] == sorted(now["x"])
    assert sum(now["y"]) == pytest.approx(100, abs=0.01)  # shares: the sides differ in size
    means = [np.average(one["x"], weights=one["y"]) for one in (now, before)]
    assert means == pytest.approx([1, 0], abs=0.15)
    assert layout["xaxis"] == {"type": "linear"}


def test_categories_keep_their_names_the_most_frequent_first() -> None:
    sides = {"current": np.array(["a", "ünï"], dtype=object), "reference": np.array(["a"] * 4, dtype=object)}
    (now, before), layout = distributions(sides, False)
    assert (now["x"], now["y"], before["y"]) == (["a", "ünï"], [50.0, 50.0], [100.0, 0.0])
    assert layout["xaxis"] == {"type": "category"}


@pytest.mark.parametrize("values", [[], [7.0] * 3])
def test_nothing_or_one_value_is_drawn_too(values: list[float]) -> None:
    figure = distributions({"current": np.array(values)}, True)
    assert json.loads(json.dumps(figure))[0][0]["y"] == [100.0][: len(values)]
