from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.console.health import Window
from services.console.panels import panels

START = datetime(2026, 1, 1, tzinfo=UTC)


def window(place: int, **numbers: float) -> Window:
    told = {name.replace("__", ", ").replace("_", " "): value for name, value in numbers.items()}
    end = START + timedelta(days=place)
    return Window(place, end, None, end - timedelta(days=1), end, 1, "healthy", {}, 10, 5, told, [])


def test_a_number_with_a_limit_is_drawn_and_others_are_not() -> None:
    found = panels([window(1, harm=0.1, harm__limit=0.05, rows=10, coverage=0.5, new__limit=1, new=2)])
    assert [one.name for one in found] == ["harm", "coverage", "new"]
    harm = found[0]
    assert (harm.title, harm.over, harm.limited, harm.both) == ("Harm", 1, True, False)
    assert found[1].share
    assert not found[1].limited


def test_a_limit_on_both_sides_counts_below_zero_too() -> None:
    numbers = {"calibration gap": -0.2, "calibration gap, limit (±)": 0.1}
    one = Window(1, START, None, START, START, 1, "warning", {}, 1, 1, numbers, [])
    (found,) = panels([one])
    assert (found.both, found.over) == (True, 1)


def test_a_loss_is_drawn_beside_what_was_promised() -> None:
    (found,) = panels([window(1, loss=0.5, loss__low=0.4, loss__high=0.6, promised_loss=0.45)])
    point = found.points[0]
    assert (point.value, point.low, point.high, point.beside, point.limit) == (0.5, 0.4, 0.6, 0.45, None)


def test_nothing_known_is_no_panel() -> None:
    assert panels([]) == []
    assert panels([window(1, harm__limit=0.05)]) == []
