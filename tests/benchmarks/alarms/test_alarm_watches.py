from __future__ import annotations

import numpy as np
import pytest

from benchmarks.alarms import watches
from benchmarks.alarms.days import Days
from benchmarks.alarms.releases import problem_for, release
from benchmarks.alarms.rivals import RIVALS
from benchmarks.alarms.rows import draw
from benchmarks.alarms.streams import STREAMS, Stream
from benchmarks.alarms.watches import OURS, judged, judged_by_labels, labels_since, levels_of, rivals_alarm, watch
from benchmarks.alarms.windows import Windows
from pipelines.core.watching.observed import observe

SHORT = Stream("short", rows=120, days=30, labels="any time", delay=2)


def windows(stream: Stream = SHORT, length: int = 1) -> Windows:
    drawn = draw(stream, 0)
    return Windows(Days(drawn, release(drawn)), length)


def test_a_window_shows_what_was_known_when_it_was_looked_at() -> None:
    found = windows()
    shown = [np.isfinite(found.view(5, at).sample.labels).sum() for at in range(5, 30)]
    assert shown == sorted(shown)
    assert shown[0] < shown[-1]
    assert shown == [found.known(5, at) for at in range(5, 30)]
    view = found.view(5, 9)
    rows = found.rows(5)
    known = found.drawn.known_at[rows] <= np.datetime64(view.as_of.replace(tzinfo=None))
    assert (np.isfinite(view.sample.labels) == known).all()


@pytest.mark.parametrize("length", [1, 7])
@pytest.mark.parametrize("labels", ["on time", "half"])
def test_blocks_cut_in_one_go_are_those_of_each_window(length: int, labels: str) -> None:
    found = windows(Stream("short", rows=120, days=30, labels=labels, delay=2), length)  # type: ignore[arg-type]
    for at in range(found.count):
        for window in range(at + 1):
            assert found.observed(window, at) == observe(found.watched.side, found.view(window, at))


def test_the_kinds_that_go_by_labels_are_the_same_with_columns_and_without() -> None:
    found = windows()
    problem = problem_for("binary")
    for whole, part in zip(judged(found, problem), judged_by_labels(found, problem), strict=True):
        assert {kind: whole[kind] for kind in part} == dict(part)
        assert set(whole) > set(part)


def test_every_rule_judges_every_window() -> None:
    found = windows()
    assert {len(each) for each in levels_of(found, columns=False).values()} == {30}
    alarms = rivals_alarm(found)
    assert set(alarms) == set(RIVALS)
    assert {len(each) for each in alarms.values()} == {30}


def test_labels_are_counted_from_the_break_on() -> None:
    found = windows()
    counted = labels_since(found, 20)
    assert counted[19] == 0
    assert not labels_since(found, None).any()
    assert counted[29] == sum(found.known(one, 29) for one in range(20, 30))


def test_a_collapse_is_found_and_nothing_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    short = Stream("short", rows=200, days=160, delay=1, broken="unit", harm=True)
    monkeypatch.setattr(watches, "STREAMS", {**STREAMS, "short": short})
    (found,) = watch("short", 0, (7,))
    ours = found.scores[OURS]
    assert ours.broke
    assert ours.false == 0
    assert ours.delay is not None
    assert ours.delay <= 14
    assert found.blamed["found"]
