from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.comparison import Pair, measure_pairs
from pipelines.core.drift import ColumnScore
from pipelines.core.watching.columns import drifted_share, judge_columns
from pipelines.core.watching.view import View

KINDS = {"data", "prediction", "quality"}


def add(name: str, amount: float) -> Any:
    def change(frame: pd.DataFrame) -> None:
        frame[name] = frame[name] + amount

    return change


def levels(depot: Any, view: View, **others: Any) -> dict[str, str]:
    return {kind: one.level for kind, one in judge_columns(depot.problem, depot.side, view, **others).kinds.items()}


@pytest.mark.parametrize("hours", [1, 6, 24, 72, 168, 336])
def test_windows_of_any_length_are_quiet_when_nothing_happens(make_depot: Any, hours: int) -> None:
    """Nights are compared with nights and weekends with weekends; a day's own heat is no news."""
    depot = make_depot(a_day=2000 if hours < 24 else 300)
    for day in range(4, 11):
        found = judge_columns(depot.problem, depot.side, depot.view(day + hours % 24 / 24, hours))
        drifted = [one.name for one in found.columns if one.drifted and one.name != "heat"]
        assert (drifted, {one.level for one in found.kinds.values()}) == ([], {"healthy"}), (day, hours)


def test_a_column_that_the_model_goes_by_warns(depot: Any) -> None:
    found = judge_columns(depot.problem, depot.side, depot.view(change=add("size", 1.5)))
    assert found.kinds["data"].level == "warning"
    assert found.kinds["data"].reasons[0].startswith("50% of what the model goes by drifted (limit 30%): size")
    worst = found.columns[0]
    assert (worst.name, worst.usage, worst.drifted) == ("size", 0.5, True)
    assert worst.p_value is not None
    assert worst.p_value < 1e-9
    assert found.numbers["drifted columns"] == 0.5


def test_a_column_that_it_does_not_use_never_warns(depot: Any) -> None:
    found = judge_columns(depot.problem, depot.side, depot.view(change=add("spare", 4)))
    assert found.kinds["data"].level == "healthy"
    assert "the model does not use them: spare" in found.kinds["data"].reasons[0]
    assert next(one for one in found.columns if one.name == "spare").drifted
    bare = depot.release(depot.side.reference, usage={})
    every = judge_columns(depot.problem, bare, depot.view(change=add("spare", 4)))
    assert "too few to matter: spare" in every.kinds["data"].reasons[0]


def test_a_shift_to_where_the_release_is_bad_warns_by_its_harm(depot: Any) -> None:
    def more_of_c(frame: pd.DataFrame) -> None:
        frame.loc[frame.index[::2], "town"] = "c"

    found = judge_columns(depot.problem, depot.side, depot.view(change=more_of_c))
    assert found.columns[0].name == "town"
    assert found.columns[0].harm_share is not None
    assert found.columns[0].harm_share > 0.3
    assert "town drifted, which is expected to cost" in found.kinds["data"].reasons[0]

    def fewer(frame: pd.DataFrame) -> None:
        frame.loc[frame["town"] != "b", "town"] = "a"

    better = judge_columns(depot.problem, depot.side, depot.view(change=fewer))
    assert better.columns[0].drifted
    assert better.columns[0].harm is not None
    assert better.columns[0].harm < 0
    assert not any("expected to cost" in one for one in better.kinds["data"].reasons)


def test_the_answers_warn_by_themselves(depot: Any) -> None:
    view = depot.view()
    sure = np.clip(view.sample.scores + np.array([-0.3, 0.3]), 0, 1)
    pairs: list[Pair] = []

    def measure(given: Sequence[Pair]) -> dict[str, ColumnScore]:
        pairs.extend(given)
        return measure_pairs(given)

    surer = replace(view, sample=replace(view.sample, scores=sure))
    found = judge_columns(depot.problem, depot.side, surer, measure=measure)
    assert found.kinds["prediction"].level == "warning"
    assert found.kinds["prediction"].reasons[0].startswith("the answers drifted: wasserstein")
    assert pairs[-1].name == "(prediction)"
    others = replace(view, sample_versions=view.sample_versions + 1)
    assert levels(depot, others)["prediction"] == "unknown"


def test_a_warning_recovers_only_well_below_its_limit(make_depot: Any) -> None:
    depot = make_depot(monitoring={"columns": {"size": 0.5}})
    view = depot.view(change=add("size", 0.45))
    assert levels(depot, view)["data"] == "healthy"
    assert levels(depot, view, before={"data": "warning"})["data"] == "warning"
    assert levels(depot, view, before={"prediction": "warning"})["data"] == "healthy"
    calm = depot.view(change=add("size", 0.3))
    assert levels(depot, calm, before={"data": "warning"})["data"] == "healthy"


def test_the_same_season_a_year_ago_excuses(depot: Any) -> None:
    """As warm as a year ago is no drift; the evidence says what it was compared with."""
    warm = depot.view(change=add("size", 2))
    year_ago = depot.view(day=-364, change=add("size", 2))
    found = judge_columns(depot.problem, depot.side, warm, baselines=[year_ago])
    size = next(one for one in found.columns if one.name == "size")
    assert (size.drifted, size.baseline) == (False, "the log a year earlier")
    assert found.kinds["data"].level == "healthy"
    colder = judge_columns(depot.problem, depot.side, warm, baselines=[depot.view(day=-364)])
    assert colder.kinds["data"].level == "warning"


def test_traffic_changes_no_verdict(depot: Any) -> None:
    """The same distribution in 5,000 rows or in a sample of 50 million."""
    for change in (None, add("size", 1.5), add("size", 0.15)):
        small = depot.view(change=change, count=5_000)
        large = depot.view(change=change, count=10_000, rows=50_000_000, seed=5)
        assert levels(depot, small) == levels(depot, large)


def test_the_order_of_rows_changes_nothing(depot: Any) -> None:
    view = depot.view(change=add("size", 0.4))
    mixed = np.random.default_rng(0).permutation(len(view.sample))
    again = replace(view, sample=view.sample.rows(mixed), sample_versions=view.sample_versions[mixed])
    one, other = (judge_columns(depot.problem, depot.side, which) for which in (view, again))
    assert (one.kinds, one.columns, one.numbers) == (other.kinds, other.columns, other.numbers)


def test_too_few_rows_are_not_judged(depot: Any) -> None:
    found = judge_columns(depot.problem, depot.side, depot.view(count=20))
    assert {one.level for one in found.kinds.values()} == {"unknown"}
    assert set(found.kinds) == KINDS


@pytest.mark.parametrize("bad", [np.nan, np.inf, None, "text", 1e300])
@pytest.mark.parametrize("name", ["size", "town"])
def test_one_bad_column_never_aborts_the_others(depot: Any, bad: Any, name: str) -> None:
    def spoil(frame: pd.DataFrame) -> None:
        frame[name] = pd.Series([bad] * len(frame), dtype=object)
        frame["spare"] = frame["spare"] + 9

    found = judge_columns(depot.problem, depot.side, depot.view(change=spoil))
    assert any(one.name == "spare" and one.drifted for one in found.columns)
    absent = depot.view()
    absent = replace(absent, sample=replace(absent.sample, frame=absent.sample.frame.drop(columns=name)), counts=[])
    found = judge_columns(depot.problem, depot.side, absent)
    assert next(one for one in found.columns if one.name == name).note == "the window has no value"
    assert found.kinds["quality"].level == "alarm"


def test_a_reference_without_labels_or_rows_is_no_reason_to_fail(make_depot: Any) -> None:
    depot = make_depot(days=14)
    rows = depot.side.reference
    side = depot.release(replace(rows, labels=np.full(len(rows), np.nan)))
    found = judge_columns(depot.problem, side, depot.view(change=add("size", 2.5)))
    assert found.kinds["data"].level == "warning"
    none = depot.release(rows.rows(np.zeros(len(rows), dtype=bool)))
    assert judge_columns(depot.problem, none, depot.view()).kinds["data"].level == "unknown"


def test_a_reference_that_cannot_say_what_is_usual_only_informs(make_depot: Any) -> None:
    """Unless no row has a time: then rows are as independent as they look."""
    depot = make_depot(days=14)
    rows = depot.side.reference
    unknown = replace(rows, moments=np.full(len(rows), np.datetime64("NaT"), dtype="datetime64[us]"))
    view = depot.view(change=add("size", 1.5))
    found = judge_columns(depot.problem, depot.release(unknown), view).kinds["data"]
    assert (found.level, found.reasons[0][:33]) == ("healthy", "drifted, but no harm is expected:")
    contract = depot.contract.model_copy(update={"time": None})
    timeless = replace(depot.release(unknown), contract=contract)
    assert judge_columns(depot.problem, timeless, view).kinds["data"].level == "warning"


def test_what_is_reported_is_what_was_measured(depot: Any) -> None:
    seen: list[int] = []

    def measure(pairs: Any) -> dict[str, ColumnScore]:
        seen.append(len(pairs))
        return {name: one for name, one in measure_pairs(pairs).items() if name != "heat"}

    found = judge_columns(depot.problem, depot.side, depot.view(), measure=measure)
    assert seen == [len(depot.columns) + 1]
    assert {one.name for one in found.columns} == {one.name for one in depot.columns} - {"heat"}
    assert found.prediction is not None


def test_columns_that_nobody_uses_weigh_nothing() -> None:
    assert drifted_share([ColumnScore("a", "m", 0.5, 0.1, usage=0.0)]) == 0.0
    assert drifted_share([ColumnScore("a", "m", None, 0.1)]) is None
    assert drifted_share([ColumnScore("a", "m", 0.5, 0.1), ColumnScore("b", "m", 0.0, 0.1)]) == 0.5
