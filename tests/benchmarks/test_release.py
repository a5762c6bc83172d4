from __future__ import annotations

import json

import numpy as np
import pandas as pd

from benchmarks.serving.release import as_json


def test_rows_are_what_json_has() -> None:
    table = pd.DataFrame({"a": [1.5, np.nan], "b": ["x", None], "at": pd.to_datetime(["2013-03-01 07:30", None])})
    rows = as_json(table)
    assert rows == [{"a": 1.5, "b": "x", "at": "2013-03-01T07:30:00"}, {"a": None, "b": None, "at": None}]
    assert json.loads(json.dumps(rows)) == rows
