from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

At = Callable[..., tuple[int, Any, str]]


def test_a_trained_home_is_restored_and_predicts(
    at_home: At, trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, made, told = at_home("backup", tmp_path / "backup", "--json")
    assert (code, made["database"], made["left_out"]) == (0, "sqlite", [])
    assert made["tables"]["decisions"] >= 1
    assert "copying: home" in told
    code, before, _ = at_home("releases", "late", "--json")
    assert code == 0
    code, out, _ = at_home("backup", tmp_path / "backup", "--json")
    assert (code, out["error"]["type"]) == (1, "RatchetError")

    monkeypatch.setenv("RATCHET_HOME", str(tmp_path / "new"))
    monkeypatch.setenv("RATCHET_DATA", str(tmp_path / "new-data"))
    code, restored, _ = at_home("restore", tmp_path / "backup", "--json")
    assert (code, restored["tables"]) == (0, made["tables"])
    assert at_home("releases", "late", "--json")[1] == before
    assert at_home("ledger", "--verify", "--json")[0] == 0
    code, out, _ = at_home("predict", "late", trained.folder / "late.csv", "-o", tmp_path / "scores.csv", "--json")
    assert code == 0
    assert (tmp_path / "new-data" / "data.dvc").exists()
    shown = at_home("restore", tmp_path / "backup")
    assert shown[0] == 1
    assert "is not empty" in shown[2]
