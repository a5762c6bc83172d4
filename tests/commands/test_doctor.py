from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipelines.stack.doctor import BREAKS

At = Callable[..., tuple[int, Any, str]]


def test_a_healthy_machine(ratchet: At) -> None:
    code, out, _ = ratchet("doctor", "--json")
    assert code == 0
    assert out["healthy"] is True
    assert {"check", "level", "found", "advice"} == set(out["findings"][0])


def test_a_known_trap_ends_with_1(ratchet: At, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BREAKS, "pandas", ("<2", "as an example"))
    code, out, _ = ratchet("doctor")
    assert code == 1
    assert "as an example" in out
