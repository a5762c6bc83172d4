from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.core.evaluation.partitions import MOST_TELLING, fewest_rows, partitions


def test_each_feature_and_the_pairs_of_the_most_telling_are_looked_at() -> None:
    source = np.random.default_rng(0)
    frame = pd.DataFrame({f"x{one}": source.normal(size=4000) for one in range(6)})
    frame["kind"] = source.choice(["a", "b", "rare"], 4000, p=[0.6, 0.395, 0.005])
    frame["same"] = 1.0
    answers = frame["x0"].to_numpy() + 0.1 * source.normal(size=4000)
    singles, pairs, telling = partitions(frame, np.column_stack([-answers, answers]))
    seen = singles + pairs
    names = {name: values for name, _, values in seen}
    assert telling[0] == "x0"
    assert len(telling) == MOST_TELLING
    assert sorted(names["kind"]) == ["a", "b"]
    assert "same" not in names
    assert len(pairs) == 6
    for _, codes, values in seen:
        assert codes.min() >= -1
        assert np.bincount(codes[codes >= 0], minlength=len(values)).min() >= fewest_rows(4000)


def test_tiny_tables_and_empty_frames_have_no_slices() -> None:
    assert partitions(pd.DataFrame({"x": np.arange(50.0)}), np.arange(50.0)) == ([], [], [])
    assert partitions(pd.DataFrame(index=range(500)), np.arange(500.0)) == ([], [], [])
    assert partitions(pd.DataFrame({"x": [None] * 500}), np.zeros(500)) == ([], [], [])


def test_constant_answers_neither_crash_nor_warn() -> None:
    seen, pairs, _ = partitions(pd.DataFrame({"x": np.arange(1000.0)}), np.full((1000, 2), 0.5))
    assert (len(seen), pairs) == (1, [])
