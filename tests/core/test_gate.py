from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.gate import Decision, decide_release
from pipelines.core.problem import Problem, Task
from pipelines.core.scorecard import Champion, Evidence, judge

SOURCE = np.random.default_rng(0)
FIRST = Champion(version=1, digest="champion")


def problem(**good_enough: Any) -> Problem:
    data = {"source": "x.csv", "target": "y"}
    return Problem.model_validate({"name": "x", "data": data, "good_enough": good_enough})


def decide(
    asked: Problem,
    task: Task,
    y: np.ndarray,
    ours: np.ndarray,
    theirs: np.ndarray | None = None,
    champion: Champion | None = None,
    slices: dict[str, np.ndarray] | None = None,
    digest: str = "candidate",
) -> Decision:
    if task == "binary":
        ours = np.column_stack([1 - ours, ours])
        theirs = None if theirs is None else np.column_stack([1 - theirs, theirs])
    baseline = np.tile([0.5, 0.5], (len(y), 1)) if task == "binary" else np.full(len(y), y.mean() if len(y) else 0.0)
    ids = np.array([f"{one:05d}" for one in range(len(y))])
    found = Evidence(ids, y, ours, baseline, theirs, slices=slices or {})
    return decide_release(asked, judge(asked, task, found, digest, champion=champion))


def failed(decision: Decision) -> list[str]:
    return [check.name for check in decision.checks if not check.passed]


def duel(rows: int, gain: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, and the answers of a candidate that sees more of the truth than the champion by `gain`."""
    source = np.random.default_rng(seed)
    y = source.integers(0, 2, rows).astype(float)
    theirs = np.clip(0.5 + 0.2 * (y - 0.5) + source.normal(0, 0.1, rows), 0.02, 0.98)
    return y, np.clip(theirs + gain * (y - 0.5), 0.02, 0.98), theirs


def test_the_first_good_candidate_is_promoted_even_on_a_tiny_table() -> None:
    y = np.tile([0.0, 1.0], 10)
    found = decide(problem(), "binary", y, np.where(y == 1, 0.7, 0.3))
    assert found.outcome == "promote"
    assert failed(found) == []
    assert any("beats the baseline" in reason for reason in found.reasons)


def test_the_first_candidate_must_beat_the_baseline_and_reach_the_minimum() -> None:
    y = np.tile([0.0, 1.0], 50)
    assert failed(decide(problem(), "binary", y, 1 - y)) == ["baseline"]
    weak = decide(problem(metric="accuracy", minimum=0.9), "binary", y, np.where(np.arange(100) < 80, y, 1 - y))
    assert (weak.outcome, failed(weak)) == ("keep", ["minimum"])
    assert "accuracy 0.8 misses the declared minimum 0.9" in weak.reasons
    lossy = decide(problem(metric="log_loss", minimum=0.3), "binary", y, np.where(y == 1, 0.7, 0.3))
    assert failed(lossy) == ["minimum"]
    assert "maximum" in lossy.reasons[0]


def test_too_few_labels_say_how_many_are_missing() -> None:
    found = decide(problem(min_labels=30), "regression", np.arange(20.0), np.arange(20.0))
    assert (found.outcome, found.needed_labels) == ("not_enough_data", 10)
    empty = decide(problem(), "regression", np.empty(0), np.empty(0))
    assert empty.outcome == "not_enough_data"


def test_an_undefined_metric_decides_nothing() -> None:
    found = decide(problem(metric="roc_auc"), "binary", np.ones(40), SOURCE.random(40))
    assert found.outcome == "not_enough_data"
    assert "only one class" in found.reasons[0]


def test_one_class_is_enough_where_the_metric_is_defined() -> None:
    assert decide(problem(), "binary", np.ones(40), np.full(40, 0.9)).outcome == "promote"
    assert decide(problem(metric="precision"), "binary", np.ones(40), np.full(40, 0.9)).outcome == "promote"


def test_constants_are_decided_on_without_a_crash() -> None:
    y = np.full(25, 3.0)
    assert decide(problem(), "regression", y, y + 0.1).outcome == "keep"  # the mean is perfect
    assert decide(problem(metric="r2"), "regression", y, y).outcome == "not_enough_data"


def test_a_credible_gain_is_promoted_and_a_lucky_one_is_not() -> None:
    y, ours, theirs = duel(400, 0.1)
    assert decide(problem(), "binary", y, ours, theirs, FIRST).outcome == "promote"
    noise = np.clip(theirs + SOURCE.normal(0, 0.05, 400), 0.02, 0.98)
    assert failed(decide(problem(), "binary", y, noise, theirs, FIRST)) == ["gain"]
    assert failed(decide(problem(), "binary", y, theirs - 0.02, theirs, FIRST)) == ["gain"]


def test_a_gain_that_is_not_yet_credible_says_how_many_labels_would_settle_it() -> None:
    y, ours, theirs = duel(40, 0.03, seed=3)
    blurred = np.clip(ours + np.random.default_rng(1).normal(0, 0.1, 40), 0.02, 0.98)
    found = decide(problem(), "binary", y, blurred, theirs, FIRST)
    gain = next(check for check in found.checks if check.name == "gain")
    if "gain +" in gain.reason:
        assert found.needed_labels is not None
        assert found.needed_labels > 0


def test_the_champion_itself_is_kept_bit_for_bit() -> None:
    y, ours, _ = duel(100, 0.1)
    found = decide(problem(), "binary", y, ours, ours, Champion(version=4, digest="same"), digest="same")
    assert found.outcome == "keep"
    assert found.reasons == ["the candidate is champion 4, bit for bit"]


def test_a_champion_that_cannot_be_scored_is_kept_with_the_reason() -> None:
    y, ours, _ = duel(100, 0.1)
    lost = Champion(version=2, digest="champion", reason="columns that it needs are gone: a")
    found = decide(problem(), "binary", y, ours, None, lost)
    assert failed(found) == ["same_rows"]
    assert "columns that it needs are gone: a" in found.reasons[0]


def test_a_slice_that_is_harmed_stops_a_gain_on_average() -> None:
    y, ours, theirs = duel(600, 0.15)
    island = np.arange(600) < 80
    ours = np.where(island, np.clip(theirs - 0.2 * (y - 0.5), 0.02, 0.98), ours)
    where = {"place": np.where(island, "island", "mainland").astype(object)}
    assert decide(problem(), "binary", y, ours, theirs, FIRST).outcome == "promote"
    found = decide(problem(slices=["place"]), "binary", y, ours, theirs, FIRST, where)
    assert failed(found) == ["slice place = island"]


def test_without_a_real_gain_promotions_are_rare() -> None:
    """At 95% the interval of no gain lies above 0 in 2.5% of duels."""
    promoted = 0
    for seed in range(100):
        y, _, theirs = duel(100, 0.0, seed)
        noise = np.random.default_rng(1000 + seed).normal(0, 0.1, (2, 100))
        ours, champion = np.clip(theirs + noise, 0.02, 0.98)
        promoted += decide(problem(), "binary", y, ours, champion, FIRST).outcome == "promote"
    assert promoted <= 7


@settings(max_examples=30)
@given(
    st.sampled_from(["log_loss", "brier", "roc_auc", "accuracy", "f1"]),
    st.integers(0, 50),
    st.floats(-0.1, 0.3),
    st.floats(0, 1),
)
def test_a_better_challenger_is_never_newly_rejected(metric: str, seed: int, gain: float, towards: float) -> None:
    y, ours, theirs = duel(60, gain, seed)
    chosen = np.random.default_rng(seed).random(60) < 0.5
    better = np.where(chosen, ours + towards * (y - ours), ours)
    asked = problem(metric=metric, slices=["s"], minimum=0.6 if metric in ("roc_auc", "accuracy", "f1") else None)
    where = {"s": np.where(np.arange(60) % 2, "a", "b").astype(object)}
    if decide(asked, "binary", y, ours, theirs, FIRST, where).outcome == "promote":
        assert decide(asked, "binary", y, better, theirs, FIRST, where).outcome == "promote"
    if decide(asked, "binary", y, ours).outcome == "promote":
        assert decide(asked, "binary", y, better).outcome == "promote"


@settings(max_examples=20)
@given(st.sampled_from(["rmse", "mae", "r2"]), st.integers(0, 50), st.floats(0, 1))
def test_a_better_regression_is_never_newly_rejected(metric: str, seed: int, towards: float) -> None:
    source = np.random.default_rng(seed)
    y = source.normal(size=60)
    ours, theirs = y + source.normal(0, 0.5, 60), y + source.normal(0, 1, 60)
    better = np.where(source.random(60) < 0.5, ours + towards * (y - ours), ours)
    asked = problem(metric=metric)
    if decide(asked, "regression", y, ours, theirs, FIRST).outcome == "promote":
        assert decide(asked, "regression", y, better, theirs, FIRST).outcome == "promote"


@pytest.mark.parametrize("rows", [20, 25])
def test_a_tiny_duel_is_decided_without_a_warning(rows: int) -> None:
    y, ours, theirs = duel(rows, 0.3)
    assert decide(problem(), "binary", y, ours, theirs, FIRST).outcome in ("promote", "keep")
