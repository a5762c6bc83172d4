from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.drift import KindVerdict
from pipelines.core.watching.column_quality import sample_counts, usual_volume
from pipelines.core.watching.columns import judge_columns
from pipelines.core.watching.reference_columns import reference_columns
from pipelines.core.watching.view import ColumnCounts, View

WEEK, DAY = timedelta(days=7), timedelta(days=1)


def missing(name: str, share: float) -> Any:
    def change(frame: pd.DataFrame) -> None:
        frame.loc[frame.index[: round(len(frame) * share)], name] = np.nan

    return change


def judged(depot: Any, view: View, **others: Any) -> KindVerdict:
    return judge_columns(depot.problem, depot.side, view, **others).kinds["quality"]


@pytest.mark.parametrize(
    ("name", "share", "level"),
    [
        ("size", 0.05, "healthy"),
        ("size", 0.2, "warning"),
        ("size", 0.5, "alarm"),
        ("size", 1.0, "alarm"),
        ("spare", 0.5, "warning"),
        ("spare", 1.0, "warning"),
    ],
)
def test_missing_values_matter_as_the_model_uses_them(depot: Any, name: str, share: float, level: str) -> None:
    assert judged(depot, depot.view(change=missing(name, share))).level == level


def test_a_column_that_is_gone_is_named(depot: Any) -> None:
    found = judged(depot, depot.view(change=missing("size", 1.0)))
    assert found.reasons[0] == "size is missing in every row (0% in the reference)"
    half = judged(depot, depot.view(change=missing("size", 0.5)))
    assert half.reasons[0].startswith("size is missing in 50% of the rows, up from 0% (estimated +0.0")


def test_what_was_missing_before_or_a_year_ago_is_no_news(make_depot: Any) -> None:
    depot = make_depot()
    rows = depot.side.reference
    rows.frame.loc[rows.frame.index[::2], "size"] = np.nan
    side = depot.release(rows)
    view = depot.view(change=missing("size", 0.55))
    assert judge_columns(depot.problem, side, view).kinds["quality"].level == "healthy"
    gone = depot.view(change=missing("load", 1.0))
    assert judged(depot, gone, baselines=[depot.view(day=-364, change=missing("load", 1.0))]).level == "healthy"


def test_a_stretch_of_the_reference_that_missed_as_much_excuses(make_depot: Any) -> None:
    depot = make_depot()
    rows = depot.side.reference
    first = rows.moments < rows.moments.min() + np.timedelta64(7, "D")
    rows.frame.loc[rows.frame.index[first], "size"] = np.where(np.arange(first.sum()) % 5 < 2, np.nan, 0.0)
    side = depot.release(rows)
    view = depot.view(change=missing("size", 0.4))
    assert judge_columns(depot.problem, side, view).kinds["quality"].level == "healthy"


def test_a_column_that_was_often_missing_before_warns_at_most(make_depot: Any) -> None:
    depot = make_depot()
    rows = depot.side.reference
    rows.frame.loc[rows.frame.index[::5], "size"] = np.nan
    view = depot.view(change=missing("size", 0.9))
    assert judge_columns(depot.problem, depot.release(rows), view).kinds["quality"].level == "warning"


def test_missing_values_that_credibly_cost_loss_are_an_alarm(make_depot: Any) -> None:
    """The reference shows what rows without a value cost."""
    depot = make_depot()
    rows = depot.side.reference
    bad = np.abs(rows.scores[:, 1] - rows.labels) > 0.5
    some = np.random.default_rng(0).random(len(rows)) < np.where(bad, 0.4, 0.02)
    rows.frame.loc[rows.frame.index[some], "size"] = np.nan
    view = depot.view(change=missing("size", 0.6))
    found = judge_columns(depot.problem, depot.release(rows), view).kinds["quality"]
    assert found.level == "alarm"
    assert "estimated +0." in found.reasons[0]


def test_new_categories_and_ranges_only_warn(depot: Any) -> None:
    def change(frame: pd.DataFrame) -> None:
        frame.loc[frame.index[: len(frame) // 2], "town"] = "new"
        frame["size"] = frame["size"] + 9

    found = judged(depot, depot.view(change=change))
    assert found.level == "warning"
    assert "town: 50% of the values are in unseen categories, up from 0%" in found.reasons
    assert any(one.startswith("size: 100% of the values are outside the range seen") for one in found.reasons)


def test_new_ranges_of_a_column_of_little_use_are_no_warning(depot: Any) -> None:
    def hot(*names: str) -> Any:
        return lambda frame: frame.update(frame[list(names)] + 15)

    assert judged(depot, depot.view(change=hot("night"))).level == "healthy"
    assert judged(depot, depot.view(change=hot("night", "load"))).level == "warning"  # together a fifth of what it uses


def test_values_against_the_contract_are_an_alarm_where_they_are_many(depot: Any) -> None:
    view = depot.view()
    for share, level in ((0.05, "healthy"), (0.2, "warning"), (0.6, "alarm")):
        counts = [replace(one, broken=round(share * view.rows)) for one in view.counts if one.name == "size"]
        assert judged(depot, replace(view, counts=counts)).level == level


def test_chance_in_a_small_window_is_no_rise(make_depot: Any) -> None:
    depot = make_depot(monitoring={"thresholds": {"missing": 0.01}})
    counts = [ColumnCounts("size", missing=1)]
    assert judged(depot, replace(depot.view(count=60), counts=counts)).level == "healthy"
    many = replace(depot.view(rows=60_000), counts=[ColumnCounts("size", missing=1_200)])
    assert judged(depot, many).level == "warning"


def test_a_column_that_stands_still_is_an_alarm(depot: Any) -> None:
    """Zeros from upstream; but not a column of which that is known."""

    def still(name: str, value: Any) -> Any:
        return lambda frame: frame.__setitem__(name, value)

    found = judged(depot, depot.view(change=still("size", 0.0)))
    assert (found.level, found.reasons[0]) == ("alarm", "size stands still: 0 in every row")
    assert judged(depot, depot.view(change=still("town", "b"))).level == "alarm"
    assert judged(depot, depot.view(change=still("spare", 0.0))).level == "warning"


def test_another_unit_is_an_alarm_and_a_hot_summer_a_warning(depot: Any) -> None:
    other = judged(depot, depot.view(change=lambda frame: frame.update(frame[["size"]] * 1000 + 500)))
    assert other.level == "alarm"
    assert other.reasons[0].startswith("size is in another unit, or nowhere near what training saw")
    narrow = judged(depot, depot.view(change=lambda frame: frame.update(frame[["size"]] / 60 + 7)))
    assert narrow.level == "alarm"
    summer = judged(depot, depot.view(change=lambda frame: frame.update(frame[["size"]] + 9)))
    assert summer.level == "warning"
    calm = judged(depot, depot.view(change=lambda frame: frame.update(frame[["size"]] / 5 + 9)))
    assert calm.level == "warning", "days of a summer may be more alike than those of a spring"


def test_a_smaller_unit_makes_values_and_spread_smaller(make_depot: Any) -> None:
    depot = make_depot()

    def moved(frame: pd.DataFrame, change: Any) -> None:
        frame["size"] = change(frame["size"] + 100.0)

    moved(depot.side.reference.frame, lambda size: size)
    contract = depot.side.contract
    columns = [
        one.model_copy(update={"low": one.low + 100, "high": one.high + 100}) if one.name == "size" else one
        for one in contract.columns
    ]
    depot.side = replace(depot.side, contract=contract.model_copy(update={"columns": tuple(columns)}))
    other = judged(depot, depot.view(change=lambda frame: moved(frame, lambda size: size / 5)))
    assert (other.level, "another unit" in other.reasons[0]) == ("alarm", True)
    calm = judged(depot, depot.view(change=lambda frame: moved(frame, lambda size: 111 + (size - 100) / 5)))
    assert calm.level == "warning"


def test_a_column_that_always_stood_still_for_a_while_may_do_so(make_depot: Any) -> None:
    depot = make_depot()
    rows = depot.side.reference
    weeks = (rows.moments - rows.moments.min()) // np.timedelta64(7, "D")
    rows.frame["size"] = weeks.astype(float)
    view = depot.view(change=lambda frame: frame.__setitem__("size", 3.0))
    assert judge_columns(depot.problem, depot.release(rows), view).kinds["quality"].level == "healthy"


def test_traffic_far_from_the_usual_warns(depot: Any) -> None:
    view = depot.view()
    assert judged(depot, view, earlier_rows=[1000] * 5).level == "healthy"
    found = judged(depot, view, earlier_rows=[10_000] * 5)
    assert (found.level, found.reasons) == ("warning", ["1050 rows, 0.1 times as many as usual"])
    assert judged(depot, view, earlier_rows=[10_000] * 3).level == "healthy"


def test_a_sunday_is_compared_with_sundays() -> None:
    rows = [100, 100, 100, 100, 100, 10, 10] * 5
    assert usual_volume(10, rows[:-1], DAY) == 1.0
    assert usual_volume(10, rows[:-1], WEEK) == 0.1
    assert usual_volume(10, [], DAY) is None


def test_it_recovers_below_the_limit_only(depot: Any) -> None:
    view = depot.view(change=missing("size", 0.09))
    assert judged(depot, view).level == "healthy"
    assert judged(depot, view, before={"quality": "warning"}).level == "warning"
    assert judged(depot, depot.view(change=missing("size", 0.07)), before={"quality": "warning"}).level == "healthy"


def test_without_exact_counts_the_sample_is_counted(depot: Any) -> None:
    view = replace(depot.view(change=missing("size", 0.5), rows=10_500), counts=[])
    found = {one.name: one for one in sample_counts(reference_columns(depot.side, 10_000), view)}
    assert found["size"].missing == 525
    assert judged(depot, view).level == "alarm"
