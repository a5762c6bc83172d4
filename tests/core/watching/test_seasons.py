from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from pipelines.core.watching.seasons import WHOLE, same_season, same_time_of_year, whole_reference

MONDAY = datetime(2024, 6, 3, tzinfo=UTC)


def hourly(first: str, days: int, a_time: int = 20) -> np.ndarray:
    start = np.datetime64(first, "us")
    return np.repeat(start + np.arange(days * 24) * np.timedelta64(1, "h"), a_time)


@pytest.mark.parametrize(("hours", "name", "share"), [(24, "weekdays", 1 / 7), (48, "weekdays", 2 / 7)])
def test_a_day_is_compared_with_the_same_weekdays(hours: int, name: str, share: float) -> None:
    moments = hourly("2024-04-01", 28)
    found = same_season(moments, MONDAY, MONDAY + timedelta(hours=hours))
    assert name in found.name
    assert found.chosen.mean() == pytest.approx(share)
    assert len(found.stretches()) == 4
    assert set((moments[found.chosen].astype("datetime64[D]").astype(int) + 3) % 7) == set(range(hours // 24))


def test_an_hour_is_compared_with_the_same_hours() -> None:
    start = MONDAY + timedelta(hours=5)
    many, few = hourly("2024-04-01", 28, 100), hourly("2024-04-01", 28, 10)
    assert same_season(many, start, start + timedelta(hours=1)).name == "the same weekdays and hours of the reference"
    of_days = same_season(few, start, start + timedelta(hours=1))
    assert of_days.name == "the same hours of the reference"
    assert of_days.chosen.mean() == pytest.approx(1 / 24)


def test_a_week_or_little_history_is_compared_with_everything() -> None:
    moments = hourly("2024-04-01", 28)
    assert same_season(moments, MONDAY, MONDAY + timedelta(days=7)).name == WHOLE
    assert same_season(moments, MONDAY, MONDAY + timedelta(days=7, seconds=1)).name == WHOLE
    assert same_season(hourly("2024-04-01", 6), MONDAY, MONDAY + timedelta(days=1)).name == WHOLE
    assert same_season(hourly("2024-04-01", 28, 1), MONDAY, MONDAY + timedelta(days=1)).name == WHOLE


def test_moments_that_nobody_knows_are_of_no_season() -> None:
    unknown = np.full(500, np.datetime64("NaT"), dtype="datetime64[us]")
    found = same_season(unknown, MONDAY, MONDAY + timedelta(days=1))
    assert (found.name, bool(found.chosen.all()), len(found.stretches())) == (WHOLE, True, 0)
    assert same_time_of_year(unknown, MONDAY, MONDAY + timedelta(days=1)) is None
    assert whole_reference(unknown[:0], 7).stretches() == []


def test_the_same_season_whenever_the_window_is_asked_for() -> None:
    """The key does not depend on the week, so that what was worked out for a Monday serves all Mondays."""
    moments = hourly("2024-04-01", 28)
    keys = {same_season(moments, one, one + timedelta(days=1)).key for one in (MONDAY, MONDAY + timedelta(days=70))}
    assert len(keys) == 1


def test_a_long_reference_has_the_same_time_of_the_year() -> None:
    moments = hourly("2022-01-01", 600, 1)
    found = same_time_of_year(moments, MONDAY, MONDAY + timedelta(days=7))
    assert found is not None
    months = set(np.unique(moments[found.chosen].astype("datetime64[M]").astype(int) % 12 + 1).tolist())
    assert months == {5, 6}
    assert same_time_of_year(hourly("2023-01-01", 300, 1), MONDAY, MONDAY + timedelta(days=7)) is None


def test_very_many_stretches_are_thinned() -> None:
    found = whole_reference(hourly("2024-01-01", 100, 1), 1.0).stretches()
    assert len(found) == 24
    assert all(one.sum() == 24 for one in found)
