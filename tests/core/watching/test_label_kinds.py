from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from pipelines.core.watching.label_kinds import LabelFindings, judge_labels
from pipelines.core.watching.observed import observe


def judge(one: Any, windows: list[Any], **before: Any) -> LabelFindings:
    return judge_labels(one.problem, one.side, windows[-1], windows[:-1], before)


@pytest.mark.parametrize("hours", [1, 24, 168, 24 * 90])
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_windows_from_an_hour_to_months_are_judged(hours: int, task: str, world: Any, truths: Any) -> None:
    one = world(task, hours=hours, rows=50 if hours > 1000 else 2400 if hours == 1 else 200)
    wrong = truths["useless"] if task == "binary" else lambda answer: -answer
    calm, broken = one.windows(12), one.windows(12, wrong, 6)
    assert judge(one, calm).kinds["performance"].level == "healthy"
    assert judge(one, broken).kinds["performance"].level == "alarm"


def test_too_few_labels_say_nothing_yet(world: Any) -> None:
    one = world(rows=20)
    found = judge(one, one.windows(1))
    assert {found.kinds[kind].level for kind in ("performance", "calibration")} == {"unknown"}  # type: ignore[index]
    assert "20 labels for version 1: 50 are needed" in found.kinds["performance"].reasons


def test_labels_that_wait_for_the_others_of_their_day_are_not_told_as_missing(world: Any) -> None:
    one = world(rows=20)
    found = judge(one, [observe(one.side, one.view(0, labelled=0.5))])
    told = found.kinds["performance"].reasons[0]
    assert told.startswith("0 of ")
    assert told.endswith("labels for version 1 are of times whose labels are nearly all in: 50 are needed")


def test_labels_of_earlier_windows_speak_while_those_of_this_one_are_missing(world: Any, truths: Any) -> None:
    one = world()
    seen = one.windows(8, truths["useless"])
    late = [*seen, observe(one.side, one.view(8, labelled=0.0))]
    found = judge(one, late)
    assert found.kinds["performance"].level == "alarm"
    assert found.numbers["coverage"] == 0
    assert found.numbers["label age, days"] == 1


def test_labels_that_have_ceased_to_come_are_told(world: Any) -> None:
    one = world()
    silent = [observe(one.side, one.view(at, labelled=0.0)) for at in range(5, 12)]
    found = judge(one, [*one.windows(5), *silent])
    assert found.kinds["performance"].level == "unknown"
    assert found.notes == ["no label for any answer since 5 March: 7 days are not judged"]
    assert found.newest is not None


def test_labels_that_always_come_late_have_not_ceased(world: Any) -> None:
    one = world()
    windows = [*one.windows(5), *[observe(one.side, one.view(5 + late, labelled=0.0)) for late in range(7)]]
    assert judge(one, windows).kinds["performance"].level == "unknown"
    one.side = replace(one.side, label_delay=timedelta(days=7))
    found = judge(one, windows)
    assert (found.notes, found.kinds["performance"].level) == ([], "healthy")


def test_the_first_labels_to_come_may_be_of_one_kind(world: Any) -> None:
    """Positives are known after a day, negatives after three: the newest days show positives alone."""
    one = world()
    windows = []
    for at in range(20):
        view = one.view(at)
        if at >= 18:
            view.sample.labels[view.sample.labels == 0] = np.nan
        windows.append(observe(one.side, view))
    found = judge(one, windows)
    assert found.kinds["calibration"].level == "healthy"
    assert found.kinds["performance"].level == "healthy"


def test_in_which_order_labels_came_makes_no_difference(world: Any, truths: Any) -> None:
    """What counts is what is known: the verdict on the last window, looked at for the first time or for the tenth."""
    one = world()
    final = one.windows(10, truths["useless"], 6)
    for at in np.random.default_rng(0).permutation(10):
        partly = [*final[:at], observe(one.side, one.view(int(at), labelled=0.3)), *final[at + 1 :]]
        judge(one, partly)
    assert judge(one, final) == judge(one, one.windows(10, truths["useless"], 6))


def test_a_reference_without_labels_or_time_is_enough_to_watch(world: Any, truths: Any) -> None:
    one = world()
    one.side.reference.moments[:] = np.datetime64("NaT")
    assert judge(one, one.windows(8)).kinds["performance"].level == "healthy"
    assert judge(one, one.windows(8, truths["useless"])).kinds["performance"].level == "alarm"
    bare = world()
    bare.side.reference.labels[:] = np.nan
    assert judge(bare, bare.windows(8)).kinds["performance"].level == "healthy"
    assert judge(bare, bare.windows(8, truths["useless"])).kinds["performance"].level == "alarm"


def test_a_tiny_reference_is_not_trusted_too_far(world: Any) -> None:
    for seed in range(5):
        one = world(rows=200, seed=seed)
        few = one.side.reference.rows(np.arange(15))
        side = one.side.__class__(1, one.side.contract, (), few, one.side.losses)
        windows = [observe(side, one.view(at)) for at in range(10)]
        assert judge_labels(one.problem, side, windows[-1], windows[:-1], {}).kinds["performance"].level != "alarm"


@pytest.mark.parametrize("scale", [1, 50])
def test_a_trifle_stays_a_trifle_in_any_number_of_rows(scale: int, world: Any) -> None:
    def a_little(answer: np.ndarray) -> np.ndarray:
        return 0.97 * answer + 0.03 * answer.mean(axis=0)

    one = world(rows=200 * scale)
    found = judge(one, one.windows(6, a_little))
    assert {kind.level for kind in found.kinds.values()} == {"healthy"}


def test_a_recovery_is_a_recovery(world: Any, truths: Any) -> None:
    one = world()
    broken = one.windows(6, truths["useless"])
    assert judge(one, broken).kinds["performance"].level == "alarm"
    assert judge(one, [*broken, *one.windows(12, None, first=6)]).kinds["performance"].level == "healthy"
    assert broken[-1].end - broken[0].start == timedelta(days=6)
