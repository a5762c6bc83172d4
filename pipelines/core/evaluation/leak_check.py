"""The leak check: whether one feature alone, learnt from training rows, tells the held-out labels almost perfectly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from pipelines.core.problem import Kind, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

ALMOST_PERFECT: dict[Task, float] = {"binary": 0.99, "multiclass": 0.98, "regression": 0.995}
"""From here on nobody believes it: strong honest features (a tumour's radius, a diamond's weight) stay below."""
FEWEST = 10
"""So many held-out rows of the second commonest class, or so many rows, are needed to tell knowledge from luck."""


class Leak(BaseModel):
    """A feature that may know too much: how well it alone tells the label, in `measure`."""

    model_config = ConfigDict(frozen=True)

    feature: str
    score: float
    measure: str
    reason: str


def find_leaks(
    task: Task, kinds: Mapping[str, Kind], fitted: pd.DataFrame, known: np.ndarray, rows: pd.DataFrame, y: np.ndarray
) -> list[Leak]:
    """The leaks among the columns of `kinds`, the worst first; none where rows are too few to tell.

    `fitted` and `known`: rows that the model was fitted on and their labels; `rows` and `y`: held-out ones.

    >>> import pandas as pd
    >>> y = np.tile([0.0, 1.0], 100); honest = np.arange(200) % 7
    >>> rows = pd.DataFrame({"paid_back": 1 - y, "size": honest.astype(float)})
    >>> [one.feature for one in find_leaks("binary", dict.fromkeys(rows, "numeric"), rows, y, rows, y)]
    ['paid_back']
    """
    import pandas as pd

    from pipelines.core.leaks import MEASURES, cells_of
    from pipelines.core.solo_score import carried_score

    if not _enough(task, y) or not _enough(task, known):
        return []
    truth = np.concatenate([known, y])
    if task == "regression":
        truth = pd.Series(truth).rank(pct=True).to_numpy()
    held = np.arange(len(truth)) >= len(known)
    found = []
    for name, kind in kinds.items():
        cells = cells_of(pd.concat([fitted[name], rows[name]], ignore_index=True), kind)
        score = carried_score(cells, truth, task, held)
        if score >= ALMOST_PERFECT[task]:
            reason = f"alone it tells the held-out labels almost perfectly ({MEASURES[task]} {score:.4f})"
            found.append(Leak(feature=name, score=score, measure=MEASURES[task].rstrip(":"), reason=reason))
    return sorted(found, key=lambda one: (-one.score, one.feature))


def _enough(task: Task, y: np.ndarray) -> bool:
    if len(y) < 2 * FEWEST:
        return False
    if task == "regression":
        return bool(np.ptp(y) > 0)
    counts = np.sort(np.bincount(y.astype(np.int64)))
    return len(counts) > 1 and int(counts[-2]) >= FEWEST
