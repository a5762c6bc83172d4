"""A problem's page, put together from ledger, log and neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.core.problem import Problem
from pipelines.stores.decisions.ledger_pages import Move
from pipelines.stores.sql.ledger_tables import Request
from services.console.attention import Call, calls, overdue
from services.console.columns import ColumnLine, column_lines
from services.console.desk import Desk
from services.console.health import Health, Window
from services.console.neighbours import FlowRun, Surroundings
from services.console.overview import runs_of
from services.console.panels import Panel, panels
from services.console.phrases import KINDS, counted, rank, read_moment, stretch
from services.console.story import StoryLine, story_lines

TOLD = 12
"""Lines of the timeline on the problem's page."""
_READ = 60
_STORY = (
    "verdict",
    "retraining",
    "release",
    "approval",
    "override",
    "roll_back",
    "rollout",
    "acknowledgement",
    "silence",
)


@dataclass(frozen=True)
class KindLine:
    """One kind of the newest verdict: its level and why."""

    name: str
    title: str
    level: str
    reasons: Sequence[str]


@dataclass(frozen=True)
class ProblemView:
    """Everything on a problem's page."""

    name: str
    problem: Problem | None
    champion: Move | None
    moves: Sequence[Move]
    last: Window | None
    evidence: Mapping[str, Any]
    kinds: Sequence[KindLine]
    columns: Sequence[ColumnLine]
    health: Health
    panels: Sequence[Panel]
    labels: Sequence[tuple[str, float, float]]
    story: Sequence[StoryLine]
    requests: Sequence[Request]
    runs: Sequence[FlowRun]
    calls: Sequence[Call]
    overdue: str | None

    @property
    def level(self) -> str:
        """The level of the newest verdict."""
        return "unknown" if self.last is None else self.last.level

    @property
    def newest_label(self) -> datetime | None:
        """The moment of the newest answer that has a label, where the verdict tells it."""
        return read_moment(self.evidence.get("newest_label"))

    @property
    def changes(self) -> list[tuple[datetime, int]]:
        """When which version became champion, as charts show it."""
        return [(one.at, one.version) for one in self.moves]


def problem_view(desk: Desk, name: str, span: str | None, around: Surroundings | None) -> ProblemView:
    """The page of one problem."""
    moves = desk.pages.moves(name)
    champion = moves[0] if moves else None
    last = desk.windows.last(name)
    evidence: Mapping[str, Any] = {} if last is None else desk.pages.entry(last.id).evidence
    health = desk.windows.health(name, span)
    return ProblemView(
        name=name,
        problem=desk.problem(name, None if champion is None else champion.version),
        champion=champion,
        moves=moves,
        last=last,
        evidence=evidence,
        kinds=kind_lines(evidence),
        columns=column_lines(evidence),
        health=health,
        panels=panels(health.windows),
        labels=[_labels(one) for one in health.windows],
        story=story_lines(desk.pages.page(name, _STORY, limit=_READ))[:TOLD],
        requests=list(reversed(desk.ledger.requests(name)))[:TOLD],
        runs=runs_of(around, name),
        calls=calls(desk, name, last),
        overdue=overdue(last, desk.clock()),
    )


def kind_lines(evidence: Mapping[str, Any]) -> list[KindLine]:
    """The kinds of a verdict, the worst first, then those that say most of harm."""
    told: Mapping[str, Any] = evidence.get("kinds") or {}
    order = list(KINDS)
    lines = [
        KindLine(kind, KINDS.get(kind, kind), str(one.get("level", "unknown")), list(one.get("reasons") or ()))
        for kind, one in told.items()
    ]
    place = {kind: order.index(kind) if kind in order else len(order) for kind in told}
    return sorted(lines, key=lambda one: (-rank(one.level), place[one.name]))


def _labels(window: Window) -> tuple[str, float, float]:
    share = window.labels / window.rows if window.rows else 0.0
    text = f"{stretch(window.start, window.end)}: {counted(window.rows, 'row')}, {share:.0%} with a label"
    return text, float(window.rows), float(window.labels)
