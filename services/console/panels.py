"""Which of the verdicts' numbers are drawn together: a value, its interval, and the limit that it is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.console.health import Window

_LIMITS = (", limit", ", limit (±)")
_TITLES = {
    "harm": ("Harm", "loss beyond what the release expected"),
    "evidence": ("Evidence of harm", "powers of ten against chance"),
    "loss": ("Loss", "labelled rows; dotted: as promised"),
    "calibration gap": ("Calibration gap", "mean answer less mean label"),
    "calibration evidence": ("Evidence of miscalibration", "powers of ten against chance"),
    "estimated loss": ("Estimated loss", "without labels"),
    "prediction drift": ("Drift of the answers", "distance from the reference"),
    "drifted columns": ("Drifted columns", "share of what the model goes by"),
    "largest rise of missing values": ("Missing values", "largest rise of a column's share"),
    "skill against the base rate": ("Skill", "against always answering the base rate"),
    "coverage": ("Labels known", "share of the window's rows when it was judged"),
    "label age, days": ("Age of the newest label", "days, when the window was judged"),
}
_BESIDE = {"loss": "promised loss"}
"""What a number is drawn beside."""
_SHARES = frozenset({"drifted columns", "coverage", "largest rise of missing values"})
_ALONE = frozenset({"loss", "coverage", "skill against the base rate", "label age, days"})
"""Drawn although they have no limit of their own."""


@dataclass(frozen=True)
class Point:
    """One window's value; None where it was not known then."""

    window: Window
    value: float | None
    low: float | None
    high: float | None
    limit: float | None
    beside: float | None = None


@dataclass(frozen=True)
class Panel:
    """One chart: `both` when the limit holds above and below zero."""

    name: str
    title: str
    caption: str
    points: Sequence[Point]
    both: bool = False
    share: bool = False

    @property
    def first(self) -> datetime:
        """End of the first window."""
        return self.points[0].window.end

    @property
    def last(self) -> datetime:
        """End of the last window."""
        return self.points[-1].window.end

    @property
    def over(self) -> int:
        """How many windows were beyond the limit."""
        return sum(self.is_over(one) for one in self.points)

    def is_over(self, point: Point) -> bool:
        """Whether a window's value is beyond its limit."""
        if point.value is None or point.limit is None:
            return False
        return (abs(point.value) if self.both else point.value) > point.limit

    @property
    def limited(self) -> bool:
        """Whether there is a limit to be beyond of."""
        return any(one.limit is not None for one in self.points)


def panels(windows: Sequence[Window]) -> list[Panel]:
    """A panel for each number with a limit (and the few that are shown without), those that tell of harm first."""
    if not windows:
        return []
    told = dict.fromkeys(name for window in windows for name in window.numbers)
    names = [name for name in told if any(name + one in told for one in _LIMITS) or name in _ALONE]
    order = {name: place for place, name in enumerate(_TITLES)}
    names.sort(key=lambda name: order.get(name, len(order)))
    found = [_panel(name, windows) for name in names]
    return [one for one in found if any(point.value is not None for point in one.points)]


def _panel(name: str, windows: Sequence[Window]) -> Panel:
    title, caption = _TITLES.get(name, (name[:1].upper() + name[1:], ""))
    both = any(name + _LIMITS[1] in window.numbers for window in windows)
    return Panel(name, title, caption, [_point(name, window) for window in windows], both, name in _SHARES)


def _point(name: str, window: Window) -> Point:
    numbers = window.numbers
    limit = next((numbers[name + one] for one in _LIMITS if name + one in numbers), None)
    low, high, beside = (numbers.get(one) for one in (f"{name}, low", f"{name}, high", _BESIDE.get(name, "")))
    return Point(window, numbers.get(name), low, high, limit, beside)
