"""Dependence: which rows move together, so that no interval takes them for independent ones."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.core.kinds import category_texts
from pipelines.core.problem import Problem
from pipelines.core.resampling import day_clusters


def dependent_rows(problem: Problem, rows: pd.DataFrame) -> tuple[np.ndarray | None, str]:
    """Which rows are dependent, (n,): those of one group, else those of one day; and how that was found.

    `rows` has `__row`, `__time` and, if the problem groups rows, that column. None, and no words, where every row
    stands alone.

    >>> data = {"source": "x.csv", "target": "y"}
    >>> problem = Problem.model_validate({"name": "x", "data": data, "split": {"groups": "town"}})
    >>> rows = pd.DataFrame({"__row": ["1", "2", "3"], "__time": pd.NaT, "town": ["a", "a", None]})
    >>> [text.tolist() if isinstance(text, np.ndarray) else text for text in dependent_rows(problem, rows)]
    [['a', 'a', 'row 3'], 'groups of town']
    """
    groups = problem.split.groups
    if groups is not None and groups in rows.columns:
        texts = category_texts(rows[groups])
        alone = "row " + rows["__row"].astype(str)
        return np.where(pd.isna(texts), alone, texts).astype(str), f"groups of {groups}"
    times = rows["__time"].to_numpy(dtype="datetime64[us]")
    if problem.data.time is None or np.isnat(times).any():
        return None, ""
    clusters = day_clusters(times)
    return clusters, "" if clusters is None else "days, or stretches of time where there are few days"
