from __future__ import annotations

from collections.abc import Callable
from typing import Any

At = Callable[..., tuple[int, Any, str]]


def test_there_is_nobody_to_try(at_home: At) -> None:
    code, out, _ = at_home("rollout", "late", "canary", "--reason", "a test", "--json")
    assert code == 8
    assert "no challenger" in out["error"]["message"]
    code, out, _ = at_home("rollout", "late", "shadow", "--version", 1, "--reason", "a test", "--json")
    assert code == 3
    assert "is the champion" in out["error"]["message"]
    assert at_home("rollout", "late", "stop", "--reason", "a test")[0] == 8


def test_a_reason_is_asked_for(at_home: At) -> None:
    code, _, told = at_home("rollout", "late", "canary")
    assert code == 3
    assert "--reason" in told


def test_the_status_without_a_trial(at_home: At) -> None:
    code, out, _ = at_home("rollout", "late", "--json")
    assert code == 0
    assert (out["problem"], out["mode"], out["champion"]) == ("late", "none", 1)
    code, _, told = at_home("rollout", "late")
    assert code == 0
    assert "late: champion 1, challenger none, trial: none" in told
