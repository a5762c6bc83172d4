"""How much a problem's releases answered lately, as bars by day or by hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.console.desk import Desk
from services.console.phrases import counted, day, moment

_KEPT = 30.0  # seconds that a count is believed


@dataclass(frozen=True)
class TrafficView:
    """Rows answered by stretch of time up to the newest answer."""

    by: str
    bars: list[tuple[str, float, float]]
    total: int
    versions: dict[int, int]
    until: datetime | None
    old: bool
    """Whether the newest answer is so old that the bars do not end now."""


class TrafficViews:
    """Counts, kept for half a minute: a count over a day's blocks takes longer than a page may."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._kept: dict[tuple[str, str], tuple[datetime, TrafficView]] = {}

    def of(self, problem: str, by: str) -> TrafficView:
        """The last 28 days by day, or the last 48 hours by hour."""
        by = "hour" if by == "hour" else "day"
        now = self._desk.clock()
        kept = self._kept.get((problem, by))
        if kept is None or (now - kept[0]).total_seconds() > _KEPT:
            kept = self._kept[problem, by] = (now, self._count(problem, by, now))
        return kept[1]

    def _count(self, problem: str, by: str, now: datetime) -> TrafficView:
        step, places = (timedelta(hours=1), 48) if by == "hour" else (timedelta(days=1), 28)
        newest = self._desk.log.last_moment(problem)
        if newest is None:
            return TrafficView(by, [], 0, {}, None, False)
        newest = newest.replace(tzinfo=UTC)
        old = now - newest > places * step / 2
        end = _next(newest if old or newest > now else now, step)
        start = end - places * step
        found = self._desk.log.traffic(problem, start, end, step)
        bars, versions = [], dict.fromkeys(sorted({name for rows in found.values() for name in rows}), 0)
        for place in range(places):
            at = start + place * step
            rows = found.get(at.replace(tzinfo=None), {})
            for version, count in rows.items():
                versions[version] += count
            label = f"{moment(at) if by == 'hour' else day(at)}: {counted(sum(rows.values()), 'row')}"
            bars.append((label, float(sum(rows.values())), 0.0))
        return TrafficView(by, bars, sum(versions.values()), versions, newest, old)


def _next(at: datetime, step: timedelta) -> datetime:
    """The end of the stretch that the moment lies in."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + ((at - midnight) // step + 1) * step
