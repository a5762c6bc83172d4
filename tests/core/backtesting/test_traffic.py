from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np

from pipelines.core.backtesting.traffic import Look, Served, exact_counts


def _served(world: Any, rows: Any) -> Served:
    scores = np.full((len(rows), 2), 0.5)
    return Served(rows, scores, 3, world.start, world.start + timedelta(days=7))


def test_a_stretch_has_its_first_moment_and_not_its_last(world: Any) -> None:
    rows = world.traffic(None).between(world.start, world.start + timedelta(days=7))
    assert len(rows) == 7 * 40
    assert rows.moments[0] == np.datetime64(world.start.replace(tzinfo=None), "us")
    assert rows.moments[-1] < np.datetime64((world.start + timedelta(days=7)).replace(tzinfo=None), "us")


def test_labels_are_revealed_with_their_delay(world: Any) -> None:
    rows = world.traffic(None).between(world.start, world.start + timedelta(days=7))
    known = np.isfinite(rows.labels_at(world.start + timedelta(days=7)))
    assert known.sum() == 6 * 40 + 1  # the one that becomes known at that very moment counts
    assert rows.new_labels(world.start + timedelta(days=1), world.start + timedelta(days=2)) == 40


def test_a_view_samples_by_the_fixed_order_and_stands_by_moment(world: Any) -> None:
    rows = world.traffic(None).between(world.start, world.start + timedelta(days=7))
    whole = Look.of(_served(world, rows), 10_000).view(world.start + timedelta(days=7))
    assert (whole.rows, len(whole.sample), whole.versions) == (280, 280, {3: 280})
    some = Look.of(_served(world, rows), 50).view(world.start + timedelta(days=7))
    assert (some.rows, len(some.sample)) == (280, 50)
    assert (np.diff(some.sample.moments) >= np.timedelta64(0)).all()
    shuffled = np.random.default_rng(1).permutation(280)
    mixed = replace(
        rows,
        frame=rows.frame.iloc[shuffled],
        moments=rows.moments[shuffled],
        known=rows.known[shuffled],
        labels=rows.labels[shuffled],
        ids=rows.ids[shuffled],
        order=rows.order[shuffled],
    )
    same = Look.of(_served(world, mixed), 50).view(world.start + timedelta(days=7))
    assert same.sample.frame.equals(some.sample.frame)
    assert np.array_equal(same.sample.labels, some.sample.labels, equal_nan=True)


def test_counts_are_of_all_rows(world: Any) -> None:
    rows = world.traffic(None).between(world.start, world.start + timedelta(days=1))
    rows.frame.loc[rows.frame.index[:3], "x"] = None
    rows.frame.loc[rows.frame.index[3], "x"] = "never seen"
    found = {one.name: one for one in exact_counts(rows)}["x"]
    assert (found.missing, found.unseen, found.outside, found.broken) == (3, 1, 0, 0)


def test_a_window_without_rows_is_one_too(world: Any) -> None:
    rows = world.traffic(None).between(world.start - timedelta(days=900), world.start - timedelta(days=800))
    view = Look.of(_served(world, rows), 100).view(world.start)
    assert (view.rows, len(view.sample), view.versions) == (0, 0, {})
