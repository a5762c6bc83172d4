"""The page of figures: made of what the tests measured, without touching what people wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

PLACE = Path(__file__).parents[2] / "infra" / "reliability.py"
COST = {"answered": 40, "failed": 2, "longest_silence_s": 1.5, "recovered_s": None}


@pytest.fixture
def program(load_file: Any) -> Any:
    return load_file(PLACE)


def test_each_fault_is_a_row_and_losses_are_told(program: Any) -> None:
    acknowledged = {"answers": 1200, "labels": 400, "failed": 7, "lost": 0, "other": 0, "unlabelled": 0}
    told = program.table({"faults": {"kill proxy": COST}, "acknowledged": acknowledged})
    assert "| kill proxy | 40 | 2 | 1.5 |  |" in told
    assert "1,200 answers and 400 labels" in told
    assert "0 lost" in told


def test_renewing_leaves_the_rest_of_the_page(program: Any) -> None:
    page = "above\n<!-- figures -->\nold\n<!-- /figures -->\nbelow\n"
    once = program.renew(page, {"faults": {"kill s3": COST}})
    assert once.startswith("above\n")
    assert once.endswith("\nbelow\n")
    assert "old" not in once
    assert program.renew(once, {"faults": {"kill s3": COST}}) == once


def test_the_page_has_a_place_for_them(program: Any) -> None:
    page = program.PAGE.read_text()
    assert page.index(program.START) < page.index(program.END)
