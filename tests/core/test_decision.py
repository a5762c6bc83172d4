from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipelines.core.checks.decision import Change, Check, Decision, cheaper
from pipelines.core.evaluation.rehearsal import Rehearsal

SLOW = Rehearsal(rows=9, wrong=0, largest=0.0, tolerance=0.0, latency_ms=8.0, size_mb=40.0)


def test_a_decision_survives_json_with_its_change() -> None:
    change = Change(kind="alarm", text="verdict 7", evidence={"verdict": 7})
    check = Check(name="gain", passed=True, value=0.1, limit=0.0, reason="better")
    made = Decision(outcome="promote", checks=[check], reasons=["better"], path="non_inferior", change=change)
    assert Decision.model_validate_json(made.model_dump_json()) == made
    with pytest.raises(ValidationError):
        Change(kind="mood", text="I like it")  # type: ignore[arg-type]


def test_cheaper_is_what_at_least_halves_a_cost_and_raises_none() -> None:
    quick = SLOW.model_copy(update={"latency_ms": 4.0})
    found = cheaper(quick, SLOW)
    assert found is not None
    assert (found.text, found.holds()) == ("4 ms instead of 8", True)
    assert cheaper(SLOW, quick) is None
    assert cheaper(SLOW.model_copy(update={"latency_ms": 5.0}), SLOW) is None
    assert cheaper(quick.model_copy(update={"size_mb": 80.0}), SLOW) is None
    assert cheaper(None, SLOW) is None
    assert cheaper(SLOW.model_copy(update={"latency_ms": None, "size_mb": None}), SLOW) is None


def test_a_reason_must_say_something_and_a_cheaper_model_must_show_it() -> None:
    assert not Change(kind="stated", text=" ").holds()
    assert not Change(kind="cheaper", text="much smaller", evidence={"size_mb": [30, 40]}).holds()
