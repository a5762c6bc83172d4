from __future__ import annotations

from types import ModuleType

from services.console.desk import Desk
from services.console.problem_view import TOLD, kind_lines, problem_view


def test_a_page_holds_what_ledger_and_log_say(desk: Desk, year: ModuleType) -> None:
    year.write_year(desk.settings, standing=True)
    view = problem_view(desk, year.PROBLEM, None, None)
    assert view.level == "alarm"
    assert [one.version for one in view.moves] == [3, 1]
    assert [version for _, version in view.changes] == [3, 1]
    assert view.columns[0].name == "late_at_origin_6h"
    assert [one.name for one in view.panels][:3] == ["harm", "evidence", "loss"]
    assert len(view.story) == TOLD
    assert view.labels[-1][0].startswith("9 to 15 Nov 2026: ")
    assert view.newest_label is not None
    assert [one.state for one in view.requests] == ["done"]


def test_a_problem_without_a_past_has_a_page(desk: Desk) -> None:
    view = problem_view(desk, "new", None, None)
    assert (view.level, view.champion, view.kinds, view.panels, view.newest_label) == ("unknown", None, [], [], None)


def test_the_worst_kind_stands_first_then_what_says_most_of_harm() -> None:
    told = {"data": "warning", "performance": "healthy", "quality": "alarm", "own": "warning", "calibration": "warning"}
    lines = kind_lines({"kinds": {kind: {"level": level} for kind, level in told.items()}})
    assert [one.name for one in lines] == ["quality", "calibration", "data", "own", "performance"]
    assert kind_lines({}) == []
