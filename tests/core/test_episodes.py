from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.episodes import Course, follow, is_dead, labels_dried_up, silenced_by

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
LEVELS = st.dictionaries(
    st.sampled_from(["performance", "data", "quality"]), st.sampled_from(["unknown", "healthy", "warning", "alarm"])
)


def events(*verdicts: dict[str, str]) -> list[str]:
    course: Course | None = None
    found = []
    for levels in verdicts:
        course, event, kinds = follow(course, levels)
        found.append(f"{event} {'+'.join(kinds)}" if event else "-")
        course = None if event == "recovered" else course
    return found


def test_one_alarm_is_told_once_until_it_is_over() -> None:
    bad, dim, good = {"performance": "alarm"}, {"performance": "warning"}, {"performance": "healthy"}
    assert events(good, bad, bad, dim, bad, {}, good, bad) == [
        "-",
        "begun performance",
        *"----",
        "recovered performance",
        "begun performance",
    ]


def test_a_further_kind_is_news_and_recovery_waits_for_all() -> None:
    both = {"performance": "alarm", "quality": "alarm"}
    assert events(
        {"performance": "alarm"},
        both,
        {"performance": "healthy", "quality": "alarm"},
        {"performance": "alarm", "quality": "warning"},  # back again: known already
        {"performance": "healthy", "quality": "unknown"},
        {"quality": "healthy"},
    ) == ["begun performance", "worse quality", "-", "-", "-", "recovered performance+quality"]


@given(st.lists(LEVELS, max_size=30))
def test_events_alternate_and_no_kind_is_told_twice(verdicts: list[dict[str, str]]) -> None:
    course, told = None, []
    for levels in verdicts:
        course, event, kinds = follow(course, levels)
        if event == "begun":
            told = []
        if event in ("begun", "worse"):
            assert not set(kinds) & set(told)
            told += kinds
        if event == "recovered":
            assert course is not None
            assert not course.open
            course = None
        assert (course is not None) >= any(level == "alarm" for level in levels.values())


def test_what_ceases_is_noticed_after_three_windows() -> None:
    assert not is_dead(NOW - 3 * WEEK, WEEK, NOW)
    assert is_dead(NOW - 3 * WEEK - timedelta(seconds=1), WEEK, NOW)
    assert labels_dried_up(100, 0, NOW, NOW - 3 * WEEK, WEEK)
    assert not labels_dried_up(100, 0, NOW, NOW - 2 * WEEK, WEEK)
    assert not labels_dried_up(100, 0, NOW, None, WEEK)  # they always come later
    assert not labels_dried_up(0, 0, NOW, NOW - 9 * WEEK, WEEK)
    assert not labels_dried_up(100, 1, NOW, NOW - 9 * WEEK, WEEK)


def test_a_silence_covers_what_it_names() -> None:
    assert silenced_by(["data", "quality"], None)
    assert silenced_by(["data"], ["data", "quality"])
    assert not silenced_by(["data", "performance"], ["data"])
