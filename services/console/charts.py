"""Charts as SVG, made here: no script draws them, styles colour them, and each has a table beside it.

Coordinates are those of a drawing 420 wide; text keeps a readable size on a phone, where it is drawn smaller.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from html import escape

from services.console.panels import Panel, Point
from services.console.phrases import day, moment, number, percent

WIDE, HIGH = 420.0, 168.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 10.0, 10.0, 24.0
_TICKS = 3


def line_chart(panel: Panel, moves: Sequence[tuple[datetime, int]] = ()) -> str:
    """A panel as a line over time: the interval as a band, the limit dashed, champions' changes as thin lines.

    `moves`: when which version became champion.
    """
    across, up = _across(panel), _up(panel)
    shown = percent if panel.share else number
    parts = [*_grid(panel, up, shown), *_days(panel, across), *_moves(moves, panel, across)]
    parts += [_band(panel, across, up), *_limits(panel, across, up)]
    parts += _paths(panel, "beside", lambda one: one.beside, across, up)
    parts += _paths(panel, "value", lambda one: one.value, across, up)
    parts += [_mark(point, panel, across, up, shown) for point in panel.points if point.value is not None]
    label = escape(f"{panel.title}: {describe(panel)}")
    return (
        f'<svg class="chart" viewBox="0 0 {WIDE:.0f} {HIGH:.0f}" role="img" aria-label="{label}">'
        f"{''.join(part for part in parts if part)}</svg>"
    )


def bar_chart(bars: Sequence[tuple[str, float, float]], title: str) -> str:
    """Bars of (label, whole, part): the part is drawn within the whole; for rows and how many of them have a label."""
    most = max((whole for _, whole, _ in bars), default=0.0) or 1.0
    room = (WIDE - _LEFT - _RIGHT) / max(len(bars), 1)
    thick = max(min(room * 0.72, 26.0), 1.0)
    tall = 96.0
    parts = [_rule(tall + _TOP, "axis"), _tick_text(_TOP + 4, number(most)), _tick_text(tall + _TOP, "0")]
    for place, (label, whole, part) in enumerate(bars):
        left = _LEFT + room * (place + 0.5) - thick / 2
        for value, kind in ((whole, "whole"), (part, "part")):
            high = tall * value / most
            parts.append(
                f'<rect class="{kind}" x="{left:.1f}" y="{_TOP + tall - high:.1f}" width="{thick:.1f}" '
                f'height="{high:.1f}"><title>{escape(label)}</title></rect>'
            )
    for place in sorted({0, len(bars) - 1} if bars else set()):
        anchor, where = ("start", _LEFT) if place == 0 else ("end", WIDE - _RIGHT)
        parts.append(_text(where, _TOP + tall + 15, bars[place][0].split(":")[0], anchor))
    return (
        f'<svg class="chart" viewBox="0 0 {WIDE:.0f} {tall + _TOP + 20:.0f}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )


def describe(panel: Panel) -> str:
    """What the line does, in a sentence, for those who cannot see it."""
    shown = percent if panel.share else number
    known = [one for one in panel.points if one.value is not None]
    last = known[-1]
    text = f"{shown(last.value)} at the end, {day(last.window.end)}"
    if last.limit is not None:
        text += f", limit {'±' if panel.both else ''}{shown(last.limit)}"
    if panel.limited:
        text += f"; beyond the limit in {panel.over} of {len(known)} windows"
    return text


def _across(panel: Panel) -> Callable[[datetime], float]:
    span = (panel.last - panel.first).total_seconds()

    def place(at: datetime) -> float:
        share = (at - panel.first).total_seconds() / span if span else 0.5
        return _LEFT + 5 + share * (WIDE - _LEFT - _RIGHT - 10)

    return place


def _range(panel: Panel) -> tuple[float, float]:
    """Ends of the axis: values and limits with some room; an interval only as far as sensible."""
    values = [one.value for one in panel.points if one.value is not None]
    values += [one.beside for one in panel.points if one.beside is not None]
    limits = [one.limit for one in panel.points if one.limit is not None]
    inner = [*values, *limits, *(-one for one in limits if panel.both)]
    low, high = min(inner), max(inner)
    room = (high - low) or abs(high) or 1.0
    bounds = [end for one in panel.points for end in (one.low, one.high) if end is not None]
    low, high = (
        min([low, *(max(end, low - room) for end in bounds)]),
        max([high, *(min(end, high + room) for end in bounds)]),
    )
    if low >= 0 and (panel.share or low < 0.5 * high):
        low = 0.0
    room = 0.06 * ((high - low) or 1.0)
    return (low if low == 0 else low - room), high + room


def _up(panel: Panel) -> Callable[[float], float]:
    low, high = _range(panel)

    def place(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return HIGH - _BOTTOM - share * (HIGH - _TOP - _BOTTOM)

    return place


def _grid(panel: Panel, up: Callable[[float], float], shown: Callable[[float], str]) -> Iterable[str]:
    for value in _steps(*_range(panel)):
        yield _rule(up(value), "axis" if value == 0 else "grid")
        yield _tick_text(up(value) + 3.5, shown(value))


def _steps(low: float, high: float) -> list[float]:
    """Round values between the two, about as many as _TICKS."""
    raw = (high - low) / _TICKS
    unit = 10 ** math.floor(math.log10(raw))
    step = next(one * unit for one in (1, 2, 2.5, 5, 10) if one * unit >= raw)
    return [step * place for place in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _days(panel: Panel, across: Callable[[datetime], float]) -> Iterable[str]:
    middle = panel.first + (panel.last - panel.first) / 2
    close = panel.last - panel.first < timedelta(days=3)
    for at, anchor in ((panel.first, "start"), (middle, "middle"), (panel.last, "end")):
        if anchor == "start" or panel.last > panel.first:
            yield _text(across(at), HIGH - 8, moment(at).split(" ", 2)[-1] if close else day(at), anchor)


def _moves(moves: Sequence[tuple[datetime, int]], panel: Panel, across: Callable[[datetime], float]) -> Iterable[str]:
    for at, version in moves:
        if panel.first < at <= panel.last:
            x = across(at)
            yield f'<line class="move" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{HIGH - _BOTTOM}"/>'
            yield _text(x + 3, _TOP + 7, f"v{version}", "start", "move")


def _band(panel: Panel, across: Callable[[datetime], float], up: Callable[[float], float]) -> str:
    parts = []
    for run in _runs(panel.points, lambda one: None if one.low is None or one.high is None else one.low):
        upper = [f"{across(one.window.end):.1f},{up(one.high or 0):.1f}" for one in run]
        lower = [f"{across(one.window.end):.1f},{up(one.low or 0):.1f}" for one in reversed(run)]
        parts.append(f'<polygon class="band" points="{" ".join([*upper, *lower])}"/>')
    return "".join(parts)


def _limits(panel: Panel, across: Callable[[datetime], float], up: Callable[[float], float]) -> Iterable[str]:
    for sign in (1, -1) if panel.both else (1,):
        for run in _runs(panel.points, lambda one: one.limit):
            places = [(across(one.window.end), up(sign * (one.limit or 0))) for one in run]
            places = [(places[0][0] - 5, places[0][1]), *places, (places[-1][0] + 5, places[-1][1])]
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            yield f'<polyline class="limit" points="{points}"/>'


def _runs(points: Sequence[Point], value: Callable[[Point], float | None]) -> Iterable[list[Point]]:
    """The points in stretches without a gap."""
    run: list[Point] = []
    for one in points:
        if value(one) is None:
            if run:
                yield run
            run = []
        else:
            run.append(one)
    if run:
        yield run


def _paths(
    panel: Panel,
    kind: str,
    value: Callable[[Point], float | None],
    across: Callable[[datetime], float],
    up: Callable[[float], float],
) -> Iterable[str]:
    for run in _runs(panel.points, value):
        points = " ".join(f"{across(one.window.end):.1f},{up(value(one) or 0):.1f}" for one in run)
        yield f'<polyline class="{kind}" points="{points}"/>'


def _mark(
    point: Point,
    panel: Panel,
    across: Callable[[datetime], float],
    up: Callable[[float], float],
    shown: Callable[[float | None], str],
) -> str:
    """A window's dot; one beyond its limit is a larger diamond, so that colour is not all that tells it."""
    x, y = across(point.window.end), up(point.value or 0)
    text = escape(f"to {moment(point.window.end)}: {shown(point.value)}")
    if panel.is_over(point):
        return (
            f'<path class="over" d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z"><title>{text}, over the limit</title></path>'
        )
    size = 2.2 if len(panel.points) > 30 else 2.8
    return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{size}"><title>{text}</title></circle>'


def _rule(y: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{_LEFT}" x2="{WIDE - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'


def _tick_text(y: float, text: str) -> str:
    return _text(_LEFT - 6, y, text, "end")


def _text(x: float, y: float, text: str, anchor: str, kind: str = "tick") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
