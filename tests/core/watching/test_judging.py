from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipelines.core.watching.judging import judge_view

KINDS = ["performance", "calibration", "estimate", "prediction", "data", "quality"]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_calm_window_is_healthy_in_every_kind(task: str, world: Any) -> None:
    one = world(task)
    found = judge_view(one.problem, one.side, one.view(5), one.windows(5))
    assert list(found.kinds) == KINDS
    assert found.level == "healthy", found.reasons
    assert found.facts.labels == 200


def test_a_verdict_is_json(world: Any, truths: Any) -> None:
    one = world()
    found = judge_view(one.problem, one.side, one.view(5, truths["useless"]), one.windows(5, truths["useless"]))
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["level"] == "alarm"
    assert told["coverage"] == 1
    assert told["newest_label"].startswith("2021-03-06")
    assert {"harm", "harm, limit", "evidence", "evidence, limit", "coverage", "loss"} <= set(told["numbers"])
    assert "above what these answers promised" in told["reasons"][0]


def test_the_order_of_rows_changes_nothing(world: Any) -> None:
    one = world()
    view = one.view(3)
    mixed = np.random.default_rng(0).permutation(len(view.sample))
    other = replace(view, sample=view.sample.rows(mixed))
    first, second = (judge_view(one.problem, one.side, each, one.windows(3)) for each in (view, other))
    assert first.kinds == second.kinds
    assert first.facts.labels == second.facts.labels


def test_an_empty_window_and_one_of_another_release_are_unknown(world: Any) -> None:
    one = world()
    other = judge_view(one.problem, one.side, one.view(0, version=2))
    assert other.kinds["performance"].level == "unknown"
    assert other.facts.labels == 0
    view = one.view(0)
    empty = replace(view, rows=0, versions={}, sample=view.sample.rows(np.arange(0)), sample_versions=np.zeros(0, int))
    assert judge_view(one.problem, one.side, empty).level == "unknown"


def test_labels_are_counted_over_all_rows_by_their_share(world: Any) -> None:
    one = world()
    view = replace(one.view(0, labelled=0.5), rows=20_000, versions={1: 20_000})
    assert judge_view(one.problem, one.side, view).facts.labels == 10_000
