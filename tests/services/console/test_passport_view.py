from __future__ import annotations

from datetime import UTC, datetime

from services.console.passport_view import passport_parts


def test_a_passport_is_read_part_by_part() -> None:
    answer = {"id": "x", "problem": "p", "at": datetime(2026, 1, 1, tzinfo=UTC), "inputs": {"a": 1.23456, "b": None},
              "history": {"rate_7d": 0.5}, "labels": []}  # fmt: skip
    made = {"release": {"version": 3, "digest": "d"}, "approval": None, "signature": {"present": False},
            "decision": {"checks": [{"name": "gain", "passed": True, "reason": "better"}]}}  # fmt: skip
    parts = dict(passport_parts(answer, made))
    assert list(parts) == ["Answer", "Asked with", "History features", "Release", "Approval", "Signature", "Decision"]
    assert parts["Answer"] == [("problem", "p"), ("at", "1 Jan 2026, 00:00"), ("labels", "none")]
    assert parts["Asked with"] == [("a", "1.23"), ("b", "none")]
    assert parts["Approval"] == [("approval", "none")]
    assert parts["Signature"] == [("present", "no")]
    assert parts["Decision"] == [("checks, gain", "passed: better")]
