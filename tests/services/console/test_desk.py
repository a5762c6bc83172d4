from __future__ import annotations

from types import ModuleType

import pytest

from pipelines.core.errors import NotFound
from services.console.desk import Desk


def test_a_problem_is_known_by_the_ledger_and_read_as_it_was_released(desk: Desk, year: ModuleType) -> None:
    year.write_year(desk.settings, weeks=1)
    assert desk.problems() == [year.PROBLEM]
    desk.require(year.PROBLEM)
    with pytest.raises(NotFound, match="no problem 'other'"):
        desk.require("other")
    found = desk.problem(year.PROBLEM, 1)
    assert found is not None
    assert found.question == "Will a flight from New York arrive more than fifteen minutes late?"
    assert desk.problem(year.PROBLEM, 1) is found
    assert desk.problem(year.PROBLEM, None) is None
    assert desk.problem(year.PROBLEM, 9) is None


def test_a_problem_file_of_another_time_is_done_without(desk: Desk, year: ModuleType) -> None:
    desk.ledger.record("release:p:k", at=year.OPENING, problem="p", kind="release", outcome="promote", version=1,
                       evidence={"problem_text": "nonsense: 1"})  # fmt: skip
    assert desk.problem("p", 1) is None
