"""Held-out rows that are copies of rows which the model was fitted on: they flatter it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipelines.core.row_ids import row_hashes

_SHARE = 0.01
_FEWEST = 20
_SELDOM = 5
_ALIKE = 0.95


def copied_rows(fitted: pd.DataFrame, held_out: pd.DataFrame, names: Sequence[str]) -> int:
    """How many held-out rows are copies of fitted ones; 0 where rows are alike because their columns have few values.

    `names`: the model's columns; `__y`: the labels. Rows that were copied have equal labels too: where columns and not
    labels are equal, the rows are others. Contents with more than five fitted rows say nothing and are left out.

    >>> fitted = pd.DataFrame({"x": np.arange(100) / 7, "__y": np.arange(100) % 2})
    >>> copied_rows(fitted, fitted.head(40), ["x"]), copied_rows(fitted, fitted.head(40).assign(__y=1), ["x"])
    (40, 0)
    """
    columns = list(names)
    known, counts = np.unique(row_hashes(fitted, columns), return_counts=True)
    alike = np.isin(row_hashes(held_out, columns), known[counts <= _SELDOM])
    if alike.sum() < max(_FEWEST, _SHARE * len(held_out)):
        return 0
    labelled = [*columns, "__y"]
    same = np.isin(row_hashes(held_out[alike], labelled), row_hashes(fitted, labelled))
    return int(same.sum()) if same.mean() >= _ALIKE else 0
