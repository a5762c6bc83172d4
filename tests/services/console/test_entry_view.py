from __future__ import annotations

from datetime import UTC, datetime
from types import ModuleType

from pipelines.core.settings import Settings
from pipelines.stores.sql.ledger_tables import Entry
from services.console.desk import Desk
from services.console.entry_view import entry_view
from services.console.links import Links


def test_a_verdict_is_taken_apart(desk: Desk, year: ModuleType) -> None:
    (number,) = year.write_year(desk.settings, weeks=1)
    view = entry_view(desk.pages.entry(number), desk.links)
    assert (view.start, view.end) == (year.OPENING, year.OPENING + year.WEEK)
    assert len(view.kinds) == 6
    assert len(view.columns) == 10
    assert ("harm, limit", "0.05") in view.numbers
    assert ("retraining, act", "no") in view.facts
    assert [words for words, _ in view.links] == ["Model card"]  # nothing else runs here


def test_a_release_shows_its_checks_and_its_problem_file(desk: Desk, year: ModuleType) -> None:
    year.write_year(desk.settings, weeks=0)
    view = entry_view(desk.pages.entry(1), desk.links)
    assert [(one.name, one.passed) for one in view.checks] == [("gain", True)]
    assert view.text == year.TEXT
    assert ("metrics, log_loss", "0.5 (0.48 to 0.52)") in view.facts


def test_an_entry_of_any_kind_has_a_page(settings: Settings) -> None:
    evidence = {"kinds": ["data"], "until": "2026", "nested": {"a": {"b": {"c": 1}}}, "many": [1, "x"], "none": None}
    entry = Entry(1, "k", datetime(2026, 1, 1, tzinfo=UTC), "p", "silence", "silenced", None, None, "Ada", [], evidence)
    view = entry_view(entry, Links(settings))
    assert view.facts == [("until", "2026"), ("nested, a, b", "{'c': 1}"), ("many", "1; x")]
    assert view.kinds == view.links == []
