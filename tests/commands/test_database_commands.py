"""`ratchet db`: where the database stands, and bringing it up to date."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.cli import run
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.schema import REVISIONS


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, object]]:
    code = run(["db", *words, "--json"])
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_an_empty_database_is_told_and_made(
    database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RATCHET_HOME", str(tmp_path))
    monkeypatch.setenv("RATCHET_DATABASE_URL", database)
    code, told = call(capsys, "status")
    assert (code, told["state"], told["found"]) == (1, "empty", None)
    code, told = call(capsys, "upgrade")
    assert (code, told) == (0, {"done": True, "before": None, "revision": REVISIONS[-1]})
    assert call(capsys, "upgrade")[1]["done"] is False
    assert call(capsys, "status") == (
        0,
        {"state": "current", "found": REVISIONS[-1], "wanted": REVISIONS[-1], "steps": []},
    )
    assert run(["db", "status"]) == 0
    assert "up to date" in capsys.readouterr().err
    engine = open_database(database)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ratchet_schema SET version_num = '9999'")
    engine.dispose()
    assert call(capsys, "status")[1]["state"] == "ahead"
    assert call(capsys, "upgrade")[0] == 10


def test_a_database_that_does_not_answer_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, waits = tmp_path / "some.db", list[float]()
    place.mkdir()
    monkeypatch.setenv("RATCHET_HOME", str(tmp_path))
    monkeypatch.setenv("RATCHET_DATABASE_URL", f"sqlite:///{place}")
    assert call(capsys, "upgrade")[0] == 10

    def appear(seconds: float) -> None:
        waits.append(seconds)
        place.rmdir()

    monkeypatch.setattr("time.sleep", appear)
    assert call(capsys, "upgrade", "--wait", "30")[0] == 0
    assert len(waits) == 1
