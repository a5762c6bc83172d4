"""A release of three rows, as far as asking about them needs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.serving.release import Release, as_json


@pytest.fixture
def release(tmp_path: Path) -> Release:
    table = pd.DataFrame({"a": [1.5, np.nan, 3.0], "b": ["x", None, "z"], "at": pd.date_range("2013-03-01", periods=3)})
    inputs = [{"a": row["a"], "b": row["b"], "late_7d": None} for row in as_json(table)]
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "MLmodel").write_text("flavors:\n  python_function:\n    predict_fn: predict\n")
    home = tmp_path / "home"
    scores = np.array([0.1, 0.2, 0.3])
    return Release(home, bundle, tmp_path / "m.joblib", "abc", as_json(table), inputs, table, True, scores)
