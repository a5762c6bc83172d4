from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipelines.cards.snapshot_sheet import datasheet_document, datasheet_of_release, datasheet_pages

PARTS = [
    "Motivation",
    "Composition",
    "Collection process",
    "Preprocessing, cleaning, labelling",
    "Uses",
    "Distribution",
    "Maintenance",
]


def test_a_release_without_a_sheet_tells_what_its_contract_knows(make_case: Callable[..., Any]) -> None:
    case = make_case("binary")
    sheet = datasheet_of_release(case.problem, case.contract, case.facts)
    assert [one.title for one in datasheet_document(sheet).sections] == PARTS
    pages = datasheet_pages(sheet)
    assert set(pages) == {"datasheet.html", "datasheet.md"}
    text = pages["datasheet.md"]
    for shown in ("| Rows | 2,000 |", f"`{'12' * 32}`", "| Licence | *not stated* |", "classes: no, yes"):
        assert shown in text
    assert "<script>" not in pages["datasheet.html"]


def test_a_release_of_which_nothing_is_known(make_case: Callable[..., Any]) -> None:
    case = make_case("regression", full=False)
    text = datasheet_pages(datasheet_of_release(case.problem, case.contract, {}))["datasheet.md"]
    assert "| Rows | *not stated* |" in text
    assert "| Snapshot | *not stated* |" in text
