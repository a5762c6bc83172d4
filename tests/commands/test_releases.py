from __future__ import annotations

from collections.abc import Callable
from typing import Any

At = Callable[..., tuple[int, Any, str]]


def test_releases_and_their_decisions(at_home: At) -> None:
    code, out, _ = at_home("releases", "--json")
    assert code == 0
    (one,) = out["releases"]
    assert (one["problem"], one["version"], one["aliases"]) == ("late", 1, ["champion"])
    assert out["decisions"][-1]["outcome"] == "promote"
    code, shown, _ = at_home("releases", "late")
    assert code == 0
    assert "champion" in shown


def test_there_is_nothing_to_go_back_to(at_home: At) -> None:
    code, out, _ = at_home("rollback", "late", "--reason", "a test", "--json")
    assert code == 8
    assert out["error"]["type"] == "NotFound"


def test_a_person_is_named_in_the_ledger(at_home: At) -> None:
    code, out, _ = at_home("promote", "late", 1, "--reason", "a test", "--by", "Ada", "--json")
    assert code == 0
    assert (out["version"], out["actor"], out["reason"]) == (1, "Ada", "a test")
    newest = at_home("releases", "late", "--json")[1]["decisions"][0]
    assert newest["actor"] == "Ada"
    assert at_home("promote", "late", 1)[0] == 2  # no reason given
