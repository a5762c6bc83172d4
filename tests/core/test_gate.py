from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.checks.decision import Change, Decision
from pipelines.core.evaluation.behaviour import Behaved
from pipelines.core.evaluation.rehearsal import Rehearsal
from pipelines.core.gate import decide_challenger, decide_release
from pipelines.core.problem import Problem, Task
from pipelines.core.scorecard import Champion, Evidence, Leak, Scorecard, judge

SOURCE = np.random.default_rng(0)
FIRST = Champion(version=1, digest="champion")


def problem(**good_enough: Any) -> Problem:
    """A problem that does not judge calibration: the answers made here are far too timid."""
    data = {"source": "x.csv", "target": "y"}
    asked = {"calibration": None} | good_enough
    return Problem.model_validate({"name": "x", "data": data, "good_enough": asked})


def judge_duel(y: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> Scorecard:
    both = [np.column_stack([1 - one, one]) for one in (ours, theirs)]
    ids = np.array([f"{one:05d}" for one in range(len(y))])
    evidence = Evidence(ids, y, both[0], np.tile([0.5, 0.5], (len(y), 1)), both[1])
    return judge(problem(), "binary", evidence, "candidate", champion=FIRST)


def decide(
    asked: Problem,
    task: Task,
    y: np.ndarray,
    ours: np.ndarray,
    theirs: np.ndarray | None = None,
    champion: Champion | None = None,
    slices: dict[str, np.ndarray] | None = None,
    digest: str = "candidate",
    change: Change | None = None,
    rehearsal: Rehearsal | None = None,
    clusters: np.ndarray | None = None,
    **facts: Any,
) -> Decision:
    if task == "binary":
        ours = np.column_stack([1 - ours, ours])
        theirs = None if theirs is None else np.column_stack([1 - theirs, theirs])
    baseline = np.tile([0.5, 0.5], (len(y), 1)) if task == "binary" else np.full(len(y), y.mean() if len(y) else 0.0)
    ids = np.array([f"{one:05d}" for one in range(len(y))])
    found = Evidence(ids, y, ours, baseline, theirs, clusters=clusters, slices=slices or {})
    card = judge(asked, task, found, digest, champion=champion, **facts)
    return decide_release(asked, card, rehearsal=rehearsal, change=change)


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
    won = decide(problem(), "binary", y, ours, theirs, FIRST)
    assert (won.outcome, won.path, won.change) == ("promote", "superior", None)
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
    for seed in range(60):
        y, _, theirs = duel(100, 0.0, seed)
        noise = np.random.default_rng(1000 + seed).normal(0, 0.1, (2, 100))
        ours, champion = np.clip(theirs + noise, 0.02, 0.98)
        promoted += decide(problem(), "binary", y, ours, champion, FIRST).outcome == "promote"
    assert promoted <= 5


@settings(max_examples=30)
@given(
    st.sampled_from(["log_loss", "brier", "roc_auc", "accuracy", "f1"]),
    st.integers(0, 50),
    st.floats(-0.1, 0.3),
    st.floats(0, 1),
    st.booleans(),
)
def test_a_better_challenger_is_never_newly_rejected(
    metric: str, seed: int, gain: float, towards: float, by_day: bool
) -> None:
    y, ours, theirs = duel(60, gain, seed)
    chosen = np.random.default_rng(seed).random(60) < 0.5
    better = np.where(chosen, ours + towards * (y - ours), ours)
    asked = problem(metric=metric, slices=["s"], minimum=0.6 if metric in ("roc_auc", "accuracy", "f1") else None)
    where = {"s": np.where(np.arange(60) % 2, "a", "b").astype(object)}
    days = np.datetime64("2024-01-01") + np.arange(60) // 2 if by_day else None
    if decide(asked, "binary", y, ours, theirs, FIRST, where, clusters=days).outcome == "promote":
        assert decide(asked, "binary", y, better, theirs, FIRST, where, clusters=days).outcome == "promote"
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
    found = decide(problem(), "binary", y, ours, theirs, FIRST)
    assert found.outcome in ("promote", "keep", "not_enough_data")


ALARM = Change(kind="alarm", text="the performance alarm of May")


def close_duel(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A candidate and a champion that are as good as each other and nearly the same."""
    source = np.random.default_rng(seed)
    truth = source.uniform(0.1, 0.9, rows)
    y = (source.random(rows) < truth).astype(float)
    ours, theirs = np.clip(truth + source.normal(0, 0.02, (2, rows)), 0.02, 0.98)
    return y, ours, theirs


def test_no_worse_with_a_reason_to_change_is_enough_and_without_one_is_not() -> None:
    y, ours, theirs = close_duel(4000)
    plain = decide(problem(), "binary", y, ours, theirs, FIRST)
    assert (plain.outcome, failed(plain), plain.path) == ("keep", ["gain"], None)
    assert "within the margin" in plain.reasons[0]
    asked = decide(problem(), "binary", y, ours, theirs, FIRST, change=ALARM)
    assert (asked.outcome, asked.path, asked.change) == ("promote", "non_inferior", ALARM)
    assert any("the performance alarm of May" in reason for reason in asked.reasons)
    empty = decide(problem(), "binary", y, ours, theirs, FIRST, change=Change(kind="cheaper", text="trust me"))
    assert empty.outcome == "keep"


def test_an_alarm_speaks_for_a_challenger_that_mends_only() -> None:
    card = judge_duel(*close_duel(4000))
    kept = decide_challenger(problem(), card, change=ALARM)
    assert kept.outcome == "keep"
    assert "does not mend what raised the alarm" in kept.reasons[-1]
    stated = ALARM.model_copy(update={"kind": "newer"})
    assert decide_challenger(problem(), card, change=stated) == decide_release(problem(), card, change=stated)
    assert decide_challenger(problem(), card).reasons == decide_release(problem(), card).reasons
    better = decide_challenger(problem(), judge_duel(*duel(4000, 0.2)), change=ALARM)
    assert (better.outcome, better.path) == ("promote", "superior")


def test_an_alarm_is_not_answered_by_a_challenger_that_is_better_by_a_trifle() -> None:
    """Credibly better it may be; what raised the alarm is still there, and would be in its own held-out rows."""
    y, _, theirs = close_duel(4000, 1)
    card = judge_duel(y, np.clip(theirs + 0.002 * (2 * y - 1), 0.001, 0.999), theirs)
    assert decide_release(problem(), card).outcome == "promote"
    kept = decide_challenger(problem(), card, change=ALARM)
    assert (kept.outcome, kept.path, failed(kept)) == ("keep", None, ["mends"])
    assert "gains less than the margin" in kept.reasons[0]


def test_worse_by_twice_the_margin_needs_more_than_a_reason() -> None:
    """At 99 % not one of so few duels should pass; 300 rows are too few to see a margin at all."""
    passed = 0
    for seed in range(30):
        y, ours, theirs = close_duel(300, seed)
        worse = np.clip(ours + 0.13 * np.sign(np.random.default_rng(seed).normal(size=300)), 0.02, 0.98)
        passed += decide(problem(), "binary", y, worse, theirs, FIRST, change=ALARM).outcome == "promote"
    assert passed == 0


def test_rows_that_can_tell_neither_gain_nor_harm_are_not_enough_data() -> None:
    source = np.random.default_rng(5)
    y = source.integers(0, 2, 60).astype(float)
    ours, theirs = np.clip(0.5 + 0.3 * (y - 0.5) + source.normal(0, 0.2, (2, 60)), 0.05, 0.95)
    found = decide(problem(metric="roc_auc"), "binary", y, ours, theirs, FIRST)
    assert (found.outcome, failed(found)) == ("not_enough_data", ["gain"])
    assert found.needed_labels is not None
    assert f"about {found.needed_labels:,} more labels would settle it" in found.reasons[0]
    strict = decide(problem(metric="roc_auc", minimum=0.999), "binary", y, ours, theirs, FIRST)
    assert strict.outcome == "keep"  # what fails on its own needs no more labels


GOOD = Rehearsal(rows=50, wrong=0, largest=0.0, tolerance=1e-6, latency_ms=3.0, size_mb=1.0)


@settings(max_examples=20)
@given(st.sets(st.sampled_from(["parity", "latency", "size", "leak", "minimum", "behaviour"])), st.booleans())
def test_more_checks_that_fail_never_promote(broken: set[str], with_champion: bool) -> None:
    y, ours, theirs = duel(400, 0.1)
    asked = problem(minimum=0.01 if "minimum" in broken else None)
    rehearsal = GOOD.model_copy(
        update={
            "wrong": 3 if "parity" in broken else 0,
            "latency_ms": 900.0 if "latency" in broken else 3.0,
            "size_mb": 9000.0 if "size" in broken else 1.0,
        }
    )
    leaks = [Leak(feature="paid", score=1.0, measure="ROC AUC", reason="it tells all")] if "leak" in broken else []
    behaved = Behaved(
        feature="age", change="+ 1", expect="same", rows=9, share=0.5, wanted=0.95, passed="behaviour" not in broken
    )
    champion = FIRST if with_champion else None
    found = decide(
        asked,
        "binary",
        y,
        ours,
        theirs if with_champion else None,
        champion,
        rehearsal=rehearsal,
        leaks=leaks,
        behaviour=[behaved],
    )
    assert (found.outcome == "promote") == (not broken)
    assert {name.split()[0] for name in failed(found)} == broken
    assert (found.path is None) == bool(broken)


def test_the_search_stops_a_gain_that_harms_a_slice_nobody_named() -> None:
    y, ours, theirs = duel(1000, 0.15)
    island = np.arange(1000) < 200
    ours = np.where(island, np.clip(theirs - 0.2 * (y - 0.5), 0.02, 0.98), ours)
    features = pd.DataFrame({"place": np.where(island, "island", "mainland"), "x": SOURCE.random(1000)})
    s = [np.column_stack([1 - p, p]) for p in (ours, theirs)]
    evidence = Evidence(np.array([f"{one:04d}" for one in range(1000)]), y, s[0], np.full((1000, 2), 0.5), s[1])
    asked = problem()
    found = decide_release(asked, judge(asked, "binary", replace(evidence, features=features), "d", champion=FIRST))
    assert found.outcome == "keep"
    assert "slice place = island" in failed(found)
    assert "found by the search" in found.reasons[0]
    blind = problem(search_slices=False)
    alone = judge(blind, "binary", replace(evidence, features=features), "d", champion=FIRST)
    assert decide_release(blind, alone).outcome == "promote"
