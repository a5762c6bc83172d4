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


def test_only_servers_that_are_known_are_left_out(ratchet: At, tmp_path: Path) -> None:
    code, _, told = ratchet("restore", tmp_path, "--without", "grafana")
    assert code == 2
    assert "none of mlflow, prefect" in told
    code, out, _ = ratchet("restore", tmp_path, "--without", "MLflow", "--json")
    assert (code, out["error"]["type"]) == (8, "NotFound")


@pytest.mark.servers
def test_servers_go_along(ratchet: At, postgresql: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = {name: postgresql.make() for name in ("mlflow", "prefect")}
    for name, url in places.items():
        postgresql.say("CREATE TABLE things (id int PRIMARY KEY); INSERT INTO things VALUES (7)", postgresql.name(url))
        monkeypatch.setenv(f"RATCHET_{name.upper()}_DATABASE_URL", url)
    code, made, _ = ratchet("backup", tmp_path / "backup", "--json")
    assert (code, made["servers"]) == (0, {"mlflow": 1, "prefect": 1})
    monkeypatch.setenv("RATCHET_HOME", str(tmp_path / "new"))
    other = postgresql.make()
    monkeypatch.setenv("RATCHET_MLFLOW_DATABASE_URL", other)
    code, _, told = ratchet("restore", tmp_path / "backup")
    assert (code, "Prefect's database is not empty" in told) == (1, True)
    code, _, told = ratchet("restore", tmp_path / "backup", "--without", "prefect")
    assert (code, "MLflow's database: 1 rows" in told) == (0, True)
    assert postgresql.say("SELECT id FROM things", postgresql.name(other)) == [(7,)]
