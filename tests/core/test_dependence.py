from __future__ import annotations

import pandas as pd

from pipelines.core.dependence import dependent_rows
from pipelines.core.problem import Problem


def problem(**data: str) -> Problem:
    return Problem.model_validate({"name": "x", "data": {"source": "x.csv", "target": "y", **data}})


def test_days_are_clusters_where_there_is_a_time() -> None:
    times = pd.date_range("2024-01-01", periods=240, freq="h").astype("datetime64[us]")
    rows = pd.DataFrame({"__row": times.astype(str), "__time": times})
    clusters, words = dependent_rows(problem(time="t"), rows)
    assert clusters is not None
    assert len(set(clusters.tolist())) == 10
    assert words.startswith("days")
    assert dependent_rows(problem(), rows) == (None, "")
    rows.loc[0, "__time"] = pd.NaT
    assert dependent_rows(problem(time="t"), rows) == (None, "")


def test_few_rows_stand_alone() -> None:
    rows = pd.DataFrame({"__row": ["a", "b"], "__time": pd.to_datetime(["2024-01-01", "2024-01-02"])})
    assert dependent_rows(problem(time="t"), rows) == (None, "")
