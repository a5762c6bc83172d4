from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import ModuleType

from pipelines.stores.decisions.ledger import Ledger
from services.console.desk import Desk
from services.console.health import MOST, read_window

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def judge(desk: Desk, place: int, level: str = "healthy", start: datetime | None = None) -> int:
    end = NOON + timedelta(hours=place)
    start = start or end - timedelta(days=1)
    facts = {
        "start": start.isoformat(),
        "end": (start + timedelta(days=1)).isoformat(),
        "rows": 5,
        "labels": 2,
        "kinds": {"performance": {"level": level, "reasons": []}},
        "numbers": {"harm": 0.1, "odd": "text"},
    }
    entry = desk.ledger.record(
        f"verdict:p:{place}:{start}", at=end, problem="p", kind="verdict", outcome=level, version=1, evidence=facts
    )
    return entry.id


def test_the_shortest_span_with_enough_windows_is_shown(desk: Desk, year: ModuleType) -> None:
    year.write_year(desk.settings)
    found = desk.windows.health(year.PROBLEM)
    assert (found.span, len(found.windows), found.thinned) == ("year", 52, False)
    assert found.kinds == ["performance", "calibration", "estimate", "prediction", "data", "quality"]
    assert [one.end for one in found.windows] == sorted(one.end for one in found.windows)
    assert desk.windows.health(year.PROBLEM, "month").verdicts == 5
    assert desk.windows.health(year.PROBLEM, "nonsense").span == "year"


def test_of_many_verdicts_no_alarm_is_lost(desk: Desk) -> None:
    bad = {30, 31, 90}
    numbers = {place: judge(desk, place, "alarm" if place in bad else "healthy") for place in range(120)}
    found = desk.windows.health("p", "all", most=20)
    assert found.thinned
    assert len(found.windows) <= 20 < MOST
    assert found.windows[-1].id == numbers[119]
    alarms = [one.at for one in found.windows if one.level == "alarm"]
    assert [round((at - NOON) / timedelta(hours=1)) for at in alarms] == [31, 90]


def test_what_came_since_the_last_look_is_seen(desk: Desk) -> None:
    assert desk.windows.last("p") is None
    assert desk.windows.health("p").windows == []
    first = judge(desk, 0)
    assert [one.id for one in desk.windows.health("p").windows] == [first]
    second = judge(desk, 24, "warning")
    last = desk.windows.last("p")
    assert last is not None
    assert (last.id, last.level, last.kinds) == (second, "warning", {"performance": "warning"})


def test_a_window_judged_again_counts_as_it_was_judged_last(desk: Desk) -> None:
    start = NOON - timedelta(days=1)
    judge(desk, 0, "healthy", start)
    again = judge(desk, 48, "alarm", start)
    found = desk.windows.health("p", "all").windows
    assert [(one.id, one.level) for one in found] == [(again, "alarm")]


def test_whatever_evidence_lacks_is_empty(desk: Desk) -> None:
    ledger: Ledger = desk.ledger
    entry = ledger.record("verdict:x", at=NOON, problem="p", kind="verdict", outcome="unknown", evidence={"kinds": 3})
    found = read_window(entry)
    assert (found.kinds, found.numbers, found.rows, found.start, found.version) == ({}, {}, 0, NOON, None)
