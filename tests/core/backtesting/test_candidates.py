from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from pipelines.core.backtesting.candidates import Tried, first_champion
from pipelines.core.checks.decision import Check, Decision, Outcome
from pipelines.core.errors import NotEnoughData

AT = datetime(2024, 2, 1, tzinfo=UTC)


def tried(outcome: Outcome | None, checks: Sequence[Check] = (), candidate: Any = None) -> Tried:
    decision = None if outcome is None else Decision(outcome=outcome, checks=list(checks), reasons=["so it is"])
    return Tried(candidate, decision, None if decision else "it broke", "linear", 100, 0.5)


def test_one_that_met_the_champion_and_stayed_outside_has_lost() -> None:
    gain = Check(name="gain", passed=False, reason="no credible gain")
    assert tried("keep").lost
    assert tried("not_enough_data", [gain]).lost
    assert not tried("not_enough_data").lost, "too few rows were held out: it never met anybody"
    assert not tried("promote").lost
    assert not tried(None).lost
    assert tried(None).outcome == "failed"


@pytest.mark.parametrize(("outcome", "why"), [("keep", "so it is"), (None, "it broke")])
def test_without_a_release_nothing_begins(outcome: Outcome | None, why: str) -> None:
    with pytest.raises(NotEnoughData, match=rf"on 2024-02-01: {why}\. Begin later \(--from\)"):
        first_champion(AT, tried(outcome, candidate=object() if outcome else None))
