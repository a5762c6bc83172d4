from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

At = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def copied(at_home: At, trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own with the ledger of the trained one."""
    home = tmp_path / "copied"
    home.mkdir()
    shutil.copy(trained.home / "ratchet.db", home)
    monkeypatch.setenv("RATCHET_HOME", str(home))
    return home


def test_every_decision_is_listed(at_home: At) -> None:
    code, out, _ = at_home("ledger", "late", "--kind", "release", "--json")
    assert code == 0
    (one,) = out["entries"]
    assert (one["kind"], one["outcome"], one["version"], len(one["digest"])) == ("release", "promote", 1, 64)
    assert one["at"] < one["recorded_at"] or one["at"].startswith("2026-01-10")
    code, shown, _ = at_home("ledger")
    assert code == 0
    assert one["digest"][:12] in shown
    assert at_home("ledger", "other", "--json")[1] == {"entries": []}


def test_who_was_champion_then(at_home: At) -> None:
    code, out, _ = at_home("ledger", "late", "--at", "2026-01-10T00:00", "--json")
    assert code == 0
    (one,) = out["champions"]
    assert (one["problem"], one["champion"], one["decision"]["kind"]) == ("late", 1, "release")
    assert at_home("ledger", "late", "--at", "2026-01-09", "--json")[1]["champions"][0]["champion"] is None
    code, shown, _ = at_home("ledger", "--at", "2026-01-10")
    assert code == 0
    assert "promote" in shown
    assert at_home("ledger", "--at", "then")[0] == 2


def test_an_intact_ledger_is_told(at_home: At) -> None:
    code, out, _ = at_home("ledger", "--verify", "--json")
    assert (code, out["intact"], out["first"], out["breaks"]) == (0, True, None, [])
    assert (out["tagged"] > 0, out["entries"] > 0) == (True, True)
    assert "is what was recorded" in at_home("ledger", "--verify")[2]


def test_tampering_is_told_and_ends_with_1(ratchet: At, copied: Path) -> None:
    assert ratchet("ledger", "--verify")[0] == 0
    with closing(sqlite3.connect(copied / "ratchet.db")) as connection, connection:
        connection.execute("DROP TRIGGER decisions_no_update")
        connection.execute("UPDATE decisions SET actor = 'nobody' WHERE kind = 'release'")
    code, out, _ = ratchet("ledger", "--verify", "--json")
    assert (code, out["intact"], out["first"]["what"]) == (1, False, "it is not what was recorded")
    code, shown, told = ratchet("ledger", "--verify")
    assert code == 1
    assert "tampered" in told
    assert "release:late" in shown
    found = {one["check"]: one for one in ratchet("doctor", "--json")[1]["findings"]}
    assert found["ledger"]["level"] == "error"
