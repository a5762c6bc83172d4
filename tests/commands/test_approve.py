"""What an approval does is tested in tests/steps/test_approve.py; here, how it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipelines.stores.releases.approvals import Approval

At = Callable[..., tuple[int, Any, str]]


def test_a_word_is_given_with_name_and_reason(ratchet: At, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def speak(*arguments: Any) -> Approval:
        asked.append(arguments)
        return Approval("late", "approved", 2, 2, "Grace", "fine", "Ada", "d")

    monkeypatch.setattr("pipelines.stores.releases.approvals.approve", speak)
    code, out, _ = ratchet("approve", "late", 2, "--by", "Grace", "--reason", "fine", "--json")
    assert (code, out["outcome"], out["champion"], out["asked_by"], out["digest"]) == (0, "approved", 2, "Ada", "d")
    code, _, told = ratchet("approve", "late", "--reason", "fine", "--decline")
    assert (code, "version 2 is approved" in told) == (0, True)
    assert [(one[0], one[2], one[-1]) for one in asked] == [("late", 2, False), ("late", None, True)]
    assert asked[0][4:6] == ("Grace", "fine")


def test_nothing_waits(at_home: At) -> None:
    code, out, _ = at_home("approve", "late", "--reason", "fine", "--json")
    assert (code, out["error"]["type"]) == (8, "NotFound")
    assert at_home("approve", "late")[0] == 2  # no reason given
