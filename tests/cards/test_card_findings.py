from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipelines.cards.card_findings import OUTCOMES, analyses_section, decision_section, outcome_mark
from pipelines.cards.document import Mark, Section, Table, Text
from pipelines.cards.dossier import Dossier
from pipelines.core.gate import Change, Decision


def dossier(case: Any, **changes: Any) -> Dossier:
    parts = {**case.__dict__, **changes}
    names = ("facts", "problem", "contract", "card", "decision", "rehearsal")
    return Dossier(*(parts[name] for name in names), plots={})


def tables(section: Section) -> list[Table]:
    return [one for one in section.blocks if isinstance(one, Table)]


def test_every_check_is_in_the_table(make_case: Callable[..., Any]) -> None:
    case = make_case("binary")
    (table,) = tables(decision_section(dossier(case)))
    assert [row[1] for row in table.rows] == [one.name for one in case.decision.checks]
    assert [row[0] == Mark("passed", "good") for row in table.rows] == [one.passed for one in case.decision.checks]


@pytest.mark.parametrize("outcome", list(OUTCOMES))
def test_every_outcome_has_words(make_case: Callable[..., Any], outcome: Any) -> None:
    change = Change(kind="alarm", text="the loss rose")
    decision = Decision(
        outcome=outcome, checks=[], reasons=["so"], needed_labels=12, path="non_inferior", change=change
    )
    shown = str(decision_section(dossier(make_case("binary"), decision=decision)))
    for words in (OUTCOMES[outcome].text, "about 12 more", "alarm: the loss rose", "reason to change"):
        assert words in shown


def test_what_waits_for_a_second_person_is_not_called_promoted() -> None:
    decision = Decision(outcome="promote", checks=[], reasons=[])
    assert outcome_mark(decision, approval=False).tone == "good"
    assert "approval" in outcome_mark(decision, approval=True).text


def test_metrics_stand_beside_champion_and_baseline(make_case: Callable[..., Any]) -> None:
    case = make_case("binary")
    first = tables(analyses_section(dossier(case)))[0]
    assert list(first.columns) == ["metric", "better", "value", "95% interval", "champion", "baseline"]
    assert [str(row[0]).split()[0] for row in first.rows] == list(case.card.metrics)
    assert "Gain over the champion" in first.note
    alone = tables(analyses_section(dossier(make_case("binary", full=False))))[0]
    assert "champion" not in alone.columns


def test_slices_say_whether_they_were_declared_or_found(make_case: Callable[..., Any]) -> None:
    case = make_case("binary")
    table = next(one for one in tables(analyses_section(dossier(case))) if one.columns[0] == "slice")
    assert len(table.rows) == len(case.card.slices)
    found = ["found by the search" in str(row[0]) for row in table.rows]
    assert found == [one.searched for one in case.card.slices]
    assert any(found)


def test_what_was_not_measured_is_said(make_case: Callable[..., Any]) -> None:
    section = analyses_section(dossier(make_case("binary", full=False)))
    texts = [one.text for one in section.blocks if isinstance(one, Text)]
    assert "No protected columns are declared: not measured." in texts
    assert "No slices are declared." in texts
    assert "" in texts  # shown as "not stated"
