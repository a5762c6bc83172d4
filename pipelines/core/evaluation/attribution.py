"""Attribution: how much each feature contributes to the answers on average, by SHAP values."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.core.compilation.compiled import Compiled
    from pipelines.core.compilation.contributions import Link
    from pipelines.core.evaluation.subject import Subject

_ROWS = 300
_LOT = 50
_SAMPLED_ROWS, _BACKGROUND, _ORDERS = 40, 100, 3
_MOST_SAMPLED = 200  # features, beyond which asking about each costs too much
_METHODS = {"trees": "tree SHAP", "linear": "linear terms", "constant": "linear terms"}


def attribute(subject: Subject, compiled: Compiled | None, deadline: float) -> tuple[dict[str, float], list[str]]:
    """Mean absolute contribution by feature, and notes on how they were found; nothing where time is over.

    A compiled model is explained exactly (TreeSHAP, Lundberg et al. 2020; a linear model's terms); one that is not is
    asked (Štrumbelj and Kononenko 2014), a few orders of the features for a few rows. `deadline`: `time.monotonic()`.
    """
    if compiled is None:
        return _sampled(subject, deadline)
    some = subject.sample(_ROWS)
    sums, rows = np.zeros(len(compiled.reads)), 0
    began, lot = (
        time.monotonic(),
        1,
    )  # a row of a large forest can take a second: what one takes says how many there may be
    while rows < len(some) and time.monotonic() < deadline:
        chosen = some.frame.iloc[rows : rows + lot]
        columns = {name: _plain(chosen[name], some.kinds[name]) for name in compiled.reads}
        sums += np.abs(compiled.contributions(columns, len(chosen)).values).mean(axis=2).sum(axis=0)
        rows += len(chosen)
        now = time.monotonic()
        affordable = (deadline - now) * rows / max(now - began, 1e-9)
        if affordable < 1:
            break
        lot = int(min(2 * lot, _LOT, affordable))
    if not rows:
        return {}, ["no time for contributions"]
    method = _METHODS.get(compiled.kernel, compiled.kernel)
    means = dict(zip(compiled.reads, (sums / rows).tolist(), strict=True))
    return means, [f"contributions: mean absolute {method} on {rows} rows"]


def _sampled(subject: Subject, deadline: float) -> tuple[dict[str, float], list[str]]:
    import pandas as pd

    from pipelines.core.compilation.shapley import OutOfTime, sample_contributions

    if len(subject.names) > _MOST_SAMPLED:
        return {}, [f"no contributions: the model has no compiled form, and more than {_MOST_SAMPLED} features"]
    links: dict[str, Link] = {"binary": "logit", "multiclass": "softmax"}
    some, known = subject.sample(_SAMPLED_ROWS), subject.sample(_BACKGROUND)

    def ask(columns: Mapping[str, Any], size: int) -> np.ndarray:
        return subject.ask(pd.DataFrame(dict(columns), index=range(size)))

    rows, background = ({name: one.frame[name].to_numpy() for name in subject.names} for one in (some, known))
    try:
        link = links.get(subject.task, "identity")
        found = sample_contributions(ask, rows, background, link, deadline, _ORDERS)
    except OutOfTime:
        return {}, ["no time for contributions"]
    means = np.abs(found.values).mean(axis=(0, 2)).tolist()
    told = f"contributions: mean absolute sampled Shapley values, {2 * _ORDERS} orders on {len(some)} rows"
    return dict(zip(found.sources, means, strict=True)), [told]


def _plain(values: pd.Series, kind: str) -> Any:
    """A column as a request brings it: lists of floats and texts; arrays of moments."""
    return values.to_numpy().astype("M8[us]") if kind == "datetime" else values.tolist()
