"""The first page: every problem with its champion and its health, those that need somebody first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.stores.decisions.ledger_pages import Move
from services.console.attention import Call, calls, overdue
from services.console.desk import Desk
from services.console.health import Health, Window
from services.console.neighbours import FlowRun, Surroundings
from services.console.phrases import rank

_SHOWN = 26  # windows of the strip


@dataclass(frozen=True)
class ProblemLine:
    """A problem on the first page."""

    name: str
    question: str
    champion: Move | None
    last: Window | None
    health: Health
    calls: Sequence[Call]
    runs: Sequence[FlowRun]
    overdue: str | None

    @property
    def level(self) -> str:
        """The level of the newest verdict."""
        return "unknown" if self.last is None else self.last.level


def overview(desk: Desk, around: Surroundings | None) -> list[ProblemLine]:
    """Every problem, the worst first, then by name."""
    lines = [_line(desk, name, around) for name in desk.problems()]
    return sorted(lines, key=lambda one: (-_pressing(one), one.name))


def runs_of(around: Surroundings | None, problem: str) -> list[FlowRun]:
    """The flows that run for a problem now."""
    runs = around.runs if around is not None and around.runs is not None else []
    return [one for one in runs if one.problem == problem]


def _pressing(line: ProblemLine) -> int:
    return max([rank(line.level), *({"bad": 3, "care": 2}.get(one.tone, 0) for one in line.calls)])


def _line(desk: Desk, name: str, around: Surroundings | None) -> ProblemLine:
    moves = desk.pages.moves(name, limit=1)
    champion = moves[0] if moves else None
    problem = desk.problem(name, None if champion is None else champion.version)
    last = desk.windows.last(name)
    return ProblemLine(
        name=name,
        question="" if problem is None else problem.question or "",
        champion=champion,
        last=last,
        health=desk.windows.health(name, most=_SHOWN),
        calls=calls(desk, name, last),
        runs=runs_of(around, name),
        overdue=overdue(last, desk.clock()),
    )
