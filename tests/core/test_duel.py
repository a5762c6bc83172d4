from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipelines.core.checks.decision import Change
from pipelines.core.checks.duel import Duel, champion_name, duel, margin, mends
from pipelines.core.metrics import Comparison, Metric
from pipelines.core.problem import Problem
from pipelines.core.scorecard import Champion, Evidence, Scorecard, judge

FIRST = Champion(version=3, digest="c", metrics={"rmse": Metric(value=1.0)})  # so that the margin is 0.02
WHY = Change(kind="stated", text="the licence of the old one ends")


def problem(**good_enough: Any) -> Problem:
    data = {"source": "x.csv", "target": "y"}
    return Problem.model_validate({"name": "x", "data": data, "good_enough": good_enough})


def card(difference: float, half: float, strict: float | None = None, one_sided: float | None = None) -> Scorecard:
    """Of 100 rows with a gain of `difference`, give or take `half` (at 99.5 % `strict`, one-sided `one_sided`)."""
    y = np.arange(100.0)
    made = judge(problem(), "regression", Evidence(np.array([f"{one:03d}" for one in range(100)]), y, y, y), "d")
    wide = 1.3 * half if strict is None else strict

    def found(reach: float) -> Comparison:
        return Comparison(metric="rmse", difference=difference, low=difference - reach, high=difference + reach)

    looked = None if one_sided is None else found(one_sided)
    figures = {"comparison": found(half), "strict": found(wide), "one_sided": looked}
    return made.model_copy(update={"champion": FIRST, **figures})


def fight(one: Scorecard, change: Change | None = None, **good_enough: Any) -> Duel:
    return duel(problem(**good_enough), one, FIRST, change)


@pytest.mark.parametrize(
    ("difference", "half", "change", "path"),
    [
        (0.10, 0.05, None, "superior"),
        (0.00, 0.01, None, None),
        (0.00, 0.01, WHY, "non_inferior"),
        (-0.01, 0.005, WHY, "non_inferior"),
        (-0.04, 0.01, WHY, None),  # worse by twice the margin
        (0.00, 0.05, WHY, None),  # too wide to rule a harm of the margin out
        (0.10, 0.05, WHY, "superior"),
    ],
)
def test_the_path_follows_from_gain_margin_and_reason(
    difference: float, half: float, change: Change | None, path: str | None
) -> None:
    found = fight(card(difference, half), change)
    assert (found.path, found.check.passed) == (path, path is not None)


def test_what_gains_the_margin_mends() -> None:
    assert [mends(problem(), card(gain, 0.05)) for gain in (0.03, 0.01, -0.1)] == [True, False, False]
    assert mends(problem(), card(0.0, 0.05).model_copy(update={"champion": None, "comparison": None}))


def test_a_gain_is_not_enough_where_a_harm_far_beyond_the_margin_is_not_ruled_out() -> None:
    assert fight(card(0.10, 0.09, strict=0.124)).path == "superior"
    found = fight(card(0.10, 0.09, strict=0.126))
    assert not found.check.passed
    assert "a harm beyond 1.25 margins (0.025) is not ruled out at 99.5%" in found.check.reason
    reasoned = fight(card(0.0, 0.015, strict=0.026), WHY)
    assert "a harm beyond 1.25 margins (0.025) is not ruled out at 99.5%" in reasoned.check.reason
    assert fight(card(0.0, 0.015, strict=0.024), WHY).path == "non_inferior"


def test_a_gain_is_looked_at_from_one_side() -> None:
    found = fight(card(0.010, 0.011, one_sided=0.009))
    assert found.path == "superior"
    assert found.check.value == pytest.approx(0.001)
    assert "(-0.001 to +0.021) at 95%, at least +0.001 by a one-sided look at 96.5%" in found.check.reason
    assert fight(card(0.010, 0.011)).path is None  # a scorecard of long ago has the two-sided interval only
    missed = fight(card(0.010, 0.012, one_sided=0.020))
    assert missed.needed_labels == 300  # four times the rows halve the one-sided reach too


def test_wide_intervals_are_undecided_and_say_how_many_labels_are_missing() -> None:
    wide = fight(card(0.05, 0.10))
    assert (wide.undecided, wide.needed_labels) == (True, 300)  # four times the rows halve the interval
    even = fight(card(0.0, 0.04))
    assert (even.undecided, even.needed_labels) == (True, 300)
    narrow = fight(card(0.0, 0.01))
    assert (narrow.undecided, narrow.needed_labels) == (False, None)
    assert not fight(card(0.0, 0.04), margin=0).undecided


def test_what_cannot_be_compared_is_kept() -> None:
    same = card(0.1, 0.01).model_copy(update={"digest": "c"})
    assert fight(same).check.name == "identity"
    lost = FIRST.model_copy(update={"reason": "its columns are gone"})
    assert duel(problem(), card(0.1, 0.01), lost, WHY).check.name == "same_rows"
    empty = Comparison(metric="rmse", difference=None, reason="no rows")
    none = card(0.1, 0.01).model_copy(update={"comparison": empty})
    assert (fight(none).check.name, fight(none).check.passed) == ("gain", False)


def test_the_margin_is_a_share_of_the_champions_value() -> None:
    assert margin(problem(), card(0, 1), FIRST) == 0.02
    assert margin(problem(), card(0, 1), Champion(version=None, digest="c")) == 0
    assert champion_name(Champion(version=None, digest="c")) == "the champion"
