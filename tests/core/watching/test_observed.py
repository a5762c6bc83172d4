from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.watching.observed import Block, Observed, block_length, observe
from pipelines.core.watching.view import View


def block(told: dict[str, Any]) -> Block:
    tuples = {name: tuple(told[name]) for name in ("gap", "gap_variance", "gap_skew", "came")}
    return Block(**{**told, "start": datetime.fromisoformat(told["start"]), **tuples})


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_as_json_it_tells_everything(task: str, world: Any) -> None:
    found = world(task).windows(1)[0]
    text = json.dumps(found.to_dict(), allow_nan=False)
    told = json.loads(text)
    moments = {name: datetime.fromisoformat(told[name]) for name in ("start", "end")}
    assert Observed(**{**told, **moments, "blocks": tuple(block(one) for one in told["blocks"])}) == found
    assert len(text) < 1500


def test_rows_labels_and_blocks_are_counted(world: Any) -> None:
    one = world(rows=100, hours=72)
    found = observe(one.side, one.view(0, labelled=0.5))
    assert [block.rows for block in found.blocks] == [block.rows for block in observe(one.side, one.view(0)).blocks]
    assert (found.rows, found.mine, found.answered, found.labels) == (300, 300, 300, 150)
    assert found.coverage == 0.5
    assert len(found.blocks) == 3
    assert found.expected == pytest.approx(one.side.losses["log_loss"], rel=0.1)


def test_what_was_kept_of_the_expected_losses_is_as_good_as_the_features(world: Any) -> None:
    one = world("regression", rows=500)
    view = one.view(0)
    kept = one.side.promise.expected(view.sample)
    bare = replace(view, sample=replace(view.sample, frame=pd.DataFrame(index=range(len(view.sample)))))
    assert observe(one.side, bare, kept) == observe(one.side, view)


def test_answers_of_other_releases_are_left_out(world: Any) -> None:
    one = world()
    view = one.view(0)
    versions = np.where(np.arange(200) < 50, 2, 1)
    mixed = replace(view, sample_versions=versions, versions={1: 1500, 2: 500}, rows=2000)
    found = observe(one.side, mixed)
    assert (found.rows, found.mine, found.answered) == (2000, 1500, 150)


def test_nothing_answered_is_nothing_observed(world: Any) -> None:
    one = world()
    view: View = one.view(0, version=2)
    found = observe(one.side, view)
    assert (found.blocks, found.coverage, found.expected, found.mine) == ((), None, None, 0)


def test_rows_without_a_moment_lie_at_the_start(world: Any) -> None:
    one = world()
    view = one.view(0)
    timeless = replace(view.sample, moments=np.full(200, "NaT", dtype="datetime64[us]"))
    assert [block.start for block in observe(one.side, replace(view, sample=timeless)).blocks] == [view.start]


@pytest.mark.parametrize("days", [1 / 24, 1, 7, 30, 90, 400])
def test_a_window_has_a_few_dozen_blocks_at_most(days: float) -> None:
    window = timedelta(days=days)
    assert window / block_length(window) <= 31
