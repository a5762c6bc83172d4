from __future__ import annotations

from types import ModuleType

from services.console.desk import Desk
from services.console.neighbours import FlowRun, Surroundings
from services.console.overview import overview, runs_of


def test_the_worst_problem_stands_first(desk: Desk, year: ModuleType) -> None:
    year.write_year(desk.settings, weeks=2, problem="calm")
    year.write_year(desk.settings, weeks=3, problem="loud", standing=True)
    desk.ledger.request("aside", "k", reason="because", as_of=year.OPENING, at=year.OPENING)
    lines = overview(desk, None)
    assert [(one.name, one.level) for one in lines] == [("loud", "alarm"), ("calm", "healthy"), ("aside", "unknown")]
    assert lines[0].champion is not None
    assert lines[0].champion.version == 1
    assert lines[2].champion is None
    assert lines[1].question.startswith("Will a flight")


def test_flows_are_shown_with_their_problem() -> None:
    runs = [FlowRun(name, "training", name, "running", 1, 6, "") for name in ("a", "b")]
    assert [one.id for one in runs_of(Surroundings(0.0, runs), "b")] == ["b"]
    assert runs_of(Surroundings(0.0), "b") == runs_of(None, "b") == []
