"""Behaviour: tests of invariance and direction that the problem file declares (Ribeiro et al., CheckList, ACL 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from pipelines.core.values import category_text, to_datetime

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.core.evaluation.subject import Subject
    from pipelines.core.good_enough import Behaviour

MOST_ROWS = 2_000


class Behaved(BaseModel):
    """What one declared test found: of `rows` rows the `share` behaved; `reason` says why it could not be tried.

    `largest`: the furthest that an answer moved the wrong way, in the units of the tolerance.
    """

    model_config = ConfigDict(frozen=True)

    feature: str
    change: str
    expect: str
    rows: int
    share: float | None
    wanted: float
    passed: bool
    largest: float | None = None
    reason: str | None = None


def try_behaviour(subject: Subject, declared: Sequence[Behaviour]) -> list[Behaved]:
    """Each declared test on at most 2,000 seeded rows; a test that cannot be tried is not passed, and says why."""
    some = subject.sample(MOST_ROWS)
    return [_try(some, one) for one in declared]


def _try(some: Subject, test: Behaviour) -> Behaved:
    facts: dict[str, Any] = {
        "feature": test.feature,
        "change": _change(test),
        "expect": test.expect,
        "wanted": test.share,
    }
    try:
        _possible(some, test)
        changed, touched = _changed(some, test)
        if not touched.any():
            raise ValueError("no held-out row has a value that the change would alter")
        before, after = some.ask_each([some.frame[touched], changed[touched]])
        wrong = _wrong_way(some, test, before, after)
    except Exception as error:  # noqa: BLE001 - told in the card: a test that cannot be tried is not passed
        return Behaved(**facts, rows=0, share=None, passed=False, reason=str(error))
    share = float((wrong <= test.tolerance).mean())
    largest = float(wrong.max())
    return Behaved(**facts, rows=int(touched.sum()), share=share, passed=share >= test.share, largest=largest)


def _change(test: Behaviour) -> str:
    if test.add is not None:
        return f"add {test.add:g}"
    if test.multiply is not None:
        return f"multiply by {test.multiply:g}"
    return f"replace by {test.replace!r}" if isinstance(test.replace, str) else f"replace by {test.replace}"


def _possible(some: Subject, test: Behaviour) -> None:
    """ValueError where the test makes no sense for this model."""
    kind = some.kinds.get(test.feature)
    if kind is None:
        raise ValueError("it is no feature of the model")
    if kind != "numeric" and test.replace is None:
        raise ValueError(f"it is {kind}, and only numbers can be added to or multiplied")
    if some.task == "multiclass" and test.expect != "same":
        raise ValueError("with several classes there is no higher or lower: only `same` can be expected")


def _changed(some: Subject, test: Behaviour) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows with the change, and which of them it altered."""
    values = some.frame[test.feature]
    if test.replace is None:
        numbers = values.to_numpy(dtype=np.float64)
        new: Any = numbers + test.add if test.add is not None else numbers * (test.multiply or 0.0)
        return some.frame.assign(**{test.feature: new}), np.isfinite(numbers) & (new != numbers)
    kind = some.kinds[test.feature]
    put: Any = category_text(test.replace)
    if kind == "numeric":
        put = float(test.replace)
    elif kind == "datetime":
        put = to_datetime(test.replace)
    new = values.copy()
    new.iloc[:] = put
    return some.frame.assign(**{test.feature: new}), (values != put).to_numpy()


def _wrong_way(some: Subject, test: Behaviour, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """How far each answer moved the wrong way, (n,): in probability, or in standard deviations of the label."""
    if some.task == "regression":
        spread = float(np.std(some.y))
        moved = (after - before) / (spread if spread > 0 else 1.0)
    elif some.task == "binary":
        moved = after[:, 1] - before[:, 1]
    else:
        moved = np.abs(after - before).max(axis=1)
    if test.expect == "same":
        return np.abs(moved)
    return np.maximum(0.0, -moved if test.expect == "higher" else moved)
