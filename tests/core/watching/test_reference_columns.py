from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from pipelines.core.observation import PREDICTION
from pipelines.core.watching.reference_columns import reference_columns
from pipelines.core.watching.seasons import same_season, whole_reference


def test_it_is_made_once_for_a_release_and_forgotten_with_it(make_depot: Any) -> None:
    depot = make_depot(days=3)
    side = weakref.ref(depot.side)
    assert reference_columns(depot.side, 500) is reference_columns(depot.side, 500)
    assert reference_columns(depot.side, 500) in depot.side.kept.values()
    del depot
    gc.collect()
    assert side() is None


def test_a_window_finds_its_season_once(depot: Any) -> None:
    reference, day = reference_columns(depot.side, 1000), timedelta(days=1)
    monday = reference.season(depot.start, depot.start + day)
    assert reference.season(depot.start, depot.start + day) is monday
    assert monday.key == same_season(reference.moments, depot.start, depot.start + day).key
    assert reference.season(depot.start + day, depot.start + 2 * day).key != monday.key


def test_samples_are_of_a_fixed_size(depot: Any) -> None:
    reference = reference_columns(depot.side, 1000)
    everything = whole_reference(reference.moments, 7)
    assert len(reference.moments) == 8000
    assert len(reference.sample("size", everything)) == len(reference.sample(PREDICTION, everything)) == 1000
    monday = same_season(reference.moments, depot.start, depot.start + timedelta(days=1))
    assert len(reference.sample("size", monday)) == 1000
    assert reference.sample("load", monday).values.mean() < 0.2 < reference.sample("load", everything).values.mean()


def test_wandering_is_told_from_chance(depot: Any) -> None:
    reference = reference_columns(depot.side, 10_000)
    weeks, days = (whole_reference(reference.moments, length) for length in (7.0, 1.0))
    assert reference.wander("size", weeks) < 0.1
    assert reference.wander("heat", days) > reference.wander("heat", weeks) > 0.2
    assert reference.wander("town", weeks) < 0.1
    long = whole_reference(reference.moments, 20.0)
    assert reference.wander("heat", long) > 0.2  # three stretches say too little: shorter ones do
    weekend = same_season(reference.moments, depot.start + timedelta(days=5), depot.start + timedelta(days=7))
    assert reference.wander("load", weekend) < 0.2 < reference.wander("load", days)


def test_missing_and_standing_still_are_told_by_stretch(make_depot: Any) -> None:
    depot = make_depot(days=28)
    rows = depot.side.reference
    first = rows.moments < rows.moments.min() + np.timedelta64(7, "D")
    rows.frame.loc[first, "size"] = np.nan
    rows.frame.loc[first, "spare"] = 1.0
    reference = reference_columns(depot.release(rows), 10_000)
    weeks = whole_reference(reference.moments, 7.0)
    assert reference.missing("size", weeks) == 1.0
    assert reference.missing("town", weeks) == 0.0
    assert (reference.stuck("spare", weeks), reference.stuck("town", weeks)) == (True, False)
    assert reference.spreads("size", weeks) is None  # values in three stretches only
    low, high = reference.spreads("heat", weeks) or (0.0, 0.0)
    assert 0.3 < low < high < 4


def test_a_reference_without_moments_has_no_stretches(make_depot: Any) -> None:
    depot = make_depot(days=7)
    rows = depot.side.reference
    unknown = np.full(len(rows), np.datetime64("NaT"), dtype="datetime64[us]")
    reference = reference_columns(depot.release(replace(rows, moments=unknown)), 10_000)
    week = whole_reference(reference.moments, 7.0)
    assert (reference.wander("size", week), reference.missing("size", week)) == (0.0, 0.0)
    assert (reference.stuck("size", week), reference.spreads("size", week)) == (None, None)


def test_what_a_column_that_says_nothing_costs(depot: Any) -> None:
    """The usage's share of what the model knows beyond the base rate."""
    reference = reference_columns(depot.side, 10_000)
    assert 0.4 < reference.loss < 0.69
    assert reference.blind_loss("spare") == reference.loss
    assert reference.blind_loss("size") - reference.loss == pytest.approx((0.693 - reference.loss) / 2, abs=0.01)
    harm, share = reference.in_units(0.1)
    assert harm == 0.1
    assert share == pytest.approx(0.1 / reference.loss)


def test_what_nobody_found_out_counts_as_used(depot: Any) -> None:
    assert reference_columns(depot.side, 10_000).used("spare") is False
    bare = depot.release(depot.side.reference, usage={})
    assert reference_columns(bare, 10_000).used("spare") is True
    assert reference_columns(bare, 10_000).usage("spare") is None
