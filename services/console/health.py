"""A problem's health over time: the verdicts of a span, thinned to as many as a page can show."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pipelines.stores.decisions.ledger_pages import LedgerPages, Mark
from pipelines.stores.sql.ledger_tables import Entry
from services.console.phrases import KINDS, rank, read_moment

SPANS = {"week": 7, "month": 31, "quarter": 92, "year": 366, "all": 0}
"""What a page can show, in days back from the newest verdict (0: everything)."""
MOST = 72
"""Windows that are shown at once; of more, the worst of each stretch of time."""
_LOOKED_AT = 20_000  # verdicts among which they are chosen
_ENOUGH = 24  # windows that the default span should hold
_KEPT = 4_000
_NEAR = 200  # a window judged again late is not the newest, but near it


@dataclass(frozen=True)
class Window:
    """What a verdict said of a window, without the columns."""

    id: int
    at: datetime
    recorded: datetime | None
    start: datetime
    end: datetime
    version: int | None
    level: str
    kinds: Mapping[str, str]
    rows: int
    labels: int
    numbers: Mapping[str, float]
    reasons: Sequence[str]


@dataclass(frozen=True)
class Health:
    """The windows of a span, oldest first; `verdicts` is how many were given in it."""

    span: str
    windows: Sequence[Window]
    verdicts: int
    kinds: Sequence[str] = field(default=())

    @property
    def thinned(self) -> bool:
        """Whether some verdicts are not shown, each of them no worse than one that is."""
        return self.verdicts > len(self.windows)


class Windows:
    """Reads verdicts from the ledger and keeps what it has read: an entry never changes."""

    def __init__(self, pages: LedgerPages) -> None:
        self._pages = pages
        self._kept: OrderedDict[int, Window] = OrderedDict()
        self._marks: dict[str, list[Mark]] = {}

    def health(self, problem: str, span: str | None = None, most: int = MOST) -> Health:
        """The problem's windows in a span (default: the shortest one with enough of them)."""
        marks = self._verdicts(problem)
        span = span if span in SPANS else _fitting(marks)
        inside = _within(marks, SPANS[span])
        found = self._read([one.id for one in _thin(inside, most)])
        newest = {(one.start, one.end): one for one in found}  # a window judged again counts as it was judged last
        windows = sorted(newest.values(), key=lambda one: (one.end, one.id))
        told = {kind for one in windows for kind in one.kinds}
        kinds = [kind for kind in KINDS if kind in told] + sorted(told - set(KINDS))
        return Health(span, windows, len(inside), kinds)

    def last(self, problem: str) -> Window | None:
        """The newest verdict's window."""
        marks = self._verdicts(problem)
        found = self._read([one.id for one in marks[-1:]])
        return found[0] if found else None

    def _verdicts(self, problem: str) -> list[Mark]:
        """The problem's verdicts; only those are looked up that came since the last time."""
        known = self._marks.get(problem, [])
        new = self._pages.marks(problem, "verdict", _LOOKED_AT, after=known[-1].id if known else 0)
        if new:
            known = self._marks[problem] = [*known, *new][-_LOOKED_AT:]
        return known

    def _read(self, numbers: Sequence[int]) -> list[Window]:
        kept = self._kept
        for entry in self._pages.entries(number for number in numbers if number not in kept):
            kept[entry.id] = read_window(entry)
        found = [kept[number] for number in numbers if number in kept]
        while len(kept) > _KEPT:
            kept.popitem(last=False)
        return found


def read_window(entry: Entry) -> Window:
    """The window of a verdict's entry; whatever its evidence lacks is empty."""
    facts: Mapping[str, Any] = entry.evidence
    kinds = {name: str(one.get("level", "unknown")) for name, one in _mapping(facts.get("kinds")).items()}
    numbers = {
        name: float(one) for name, one in _mapping(facts.get("numbers")).items() if isinstance(one, (int, float))
    }
    return Window(
        id=entry.id,
        at=entry.at,
        recorded=entry.recorded_at,
        start=read_moment(facts.get("start")) or entry.at,
        end=read_moment(facts.get("end")) or entry.at,
        version=entry.version,
        level=entry.outcome,
        kinds=kinds,
        rows=int(facts.get("rows") or 0),
        labels=int(facts.get("labels") or 0),
        numbers=numbers,
        reasons=entry.reasons,
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _fitting(marks: Sequence[Mark]) -> str:
    counts = ((span, len(_within(marks, days))) for span, days in SPANS.items())
    return next((span for span, count in counts if count >= _ENOUGH), "all")


def _within(marks: Sequence[Mark], days: int) -> Sequence[Mark]:
    if not days or not marks:
        return marks
    since = max(one.at for one in marks[-_NEAR:]) - timedelta(days=days)
    return [one for one in marks if one.at > since]


def _thin(marks: Sequence[Mark], most: int) -> list[Mark]:
    """At most so many: of each of as many stretches of time the worst verdict, the newest of several; and the last."""
    if len(marks) <= most:
        return list(marks)
    first, last = marks[0].at, max(one.at for one in marks[-_NEAR:])
    unit = (last - first) / (most - 1) or timedelta(seconds=1)
    chosen: dict[int, Mark] = {}
    for one in marks[:-1]:
        place = min(max(int((one.at - first) / unit), 0), most - 1)
        if place not in chosen or rank(one.outcome) >= rank(chosen[place].outcome):
            chosen[place] = one
    chosen[most] = marks[-1]
    return [chosen[place] for place in sorted(chosen)][-most:]
