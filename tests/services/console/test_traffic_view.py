from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import ModuleType

from services.console.desk import Desk
from services.console.traffic_view import TrafficViews

NOW = datetime(2026, 11, 16, 12, 30, tzinfo=UTC)


def test_bars_end_now_while_answers_come(desk: Desk, year: ModuleType) -> None:
    desk.clock = lambda: NOW
    year.write_traffic(desk.settings, until=NOW)
    views = TrafficViews(desk)
    days = views.of(year.PROBLEM, "day")
    assert (len(days.bars), days.old, days.versions) == (28, False, {2: days.total})
    assert days.bars[-1][0].startswith("16 Nov 2026: ")
    assert sum(rows for _, rows, _ in days.bars) == days.total > 70
    hours = views.of(year.PROBLEM, "hour")
    assert (hours.by, len(hours.bars)) == ("hour", 48)
    assert [rows for _, rows, _ in hours.bars][-1] == 0.0
    assert views.of(year.PROBLEM, "day") is days  # kept for half a minute


def test_bars_end_with_the_newest_answer_where_that_is_old(desk: Desk, year: ModuleType) -> None:
    year.write_traffic(desk.settings, until=NOW)
    desk.clock = lambda: NOW + timedelta(days=400)
    found = TrafficViews(desk).of(year.PROBLEM, "day")
    assert found.old
    assert found.bars[-1][0].startswith("16 Nov 2026: ")


def test_nothing_asked_is_no_bars(desk: Desk) -> None:
    found = TrafficViews(desk).of("p", "day")
    assert (found.bars, found.total, found.until) == ([], 0, None)
