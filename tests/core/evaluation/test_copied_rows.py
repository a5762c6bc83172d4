"""Copies of rows that the model was fitted on are found; rows that are merely alike are none."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.core.evaluation.copied_rows import copied_rows


def _rows(count: int, seed: int) -> pd.DataFrame:
    source = np.random.default_rng(seed)
    size = source.normal(size=count)
    label = (size + source.normal(size=count) > 0).astype(float)
    return pd.DataFrame({"size": size, "shop": source.choice(["a", None, "b"], count), "__y": label})


def test_copies_are_counted() -> None:
    fitted, others = _rows(500, 1), _rows(200, 2)
    names = ["size", "shop"]
    assert copied_rows(fitted, others, names) == 0
    assert copied_rows(fitted, pd.concat([others, fitted.iloc[:50]]), names) == 50
    assert copied_rows(fitted, pd.concat([others, fitted.iloc[:10]]), names) == 0  # a few happen


def test_few_different_values_make_no_copies() -> None:
    source = np.random.default_rng(0)
    for span in (3, 150):
        both = [
            pd.DataFrame({"x": source.integers(0, span, rows), "__y": source.integers(0, 2, rows)})
            for rows in (400, 100)
        ]
        assert copied_rows(*both, ["x"]) == 0
