from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from pipelines.stores.sql.ledger_tables import Entry
from services.console.story import story_lines


def entry(number: int, outcome: str, kind: str = "verdict") -> Entry:
    return Entry(number, str(number), datetime(2026, 1, 1, tzinfo=UTC), "p", kind, outcome, 1, None, "flow")


def test_healthy_verdicts_in_a_row_are_one_line_and_nothing_else_is_folded() -> None:
    outcomes = ["alarm", "healthy", "healthy", "healthy", "warning", "warning", "warning", "healthy", "healthy"]
    entries = [entry(9 - place, outcome) for place, outcome in enumerate(outcomes)]
    lines = story_lines(entries)
    assert [[one.id for one in line.entries] for line in lines] == [[9], [8, 7, 6], [5], [4], [3], [2], [1]]
    assert [line.folded for line in lines] == [False, True, False, False, False, False, False]
    assert (lines[1].one.id, lines[1].oldest.id) == (8, 6)


def test_a_release_ends_a_row() -> None:
    entries = [entry(3, "healthy"), entry(2, "promote", "release"), entry(1, "healthy")]
    assert [len(line.entries) for line in story_lines(entries)] == [1, 1, 1]
    assert story_lines([]) == []


def test_what_decided_a_release_is_its_first_reason() -> None:
    said = ["9935 held-out labels", "log_loss 0.5 beats the baseline", "log_loss is better than champion 1"]
    (line,) = story_lines([replace(entry(1, "promote", "release"), reasons=said)])
    assert line.reasons == [said[2], said[1], said[0]]
    (verdict,) = story_lines([replace(entry(1, "alarm"), reasons=said)])
    assert verdict.reasons == said
