from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.serving import parts
from benchmarks.serving.apart import Pace
from benchmarks.serving.parts import PARTS, path
from benchmarks.serving.release import Release


def test_every_part_has_a_name_and_says_what_it_is() -> None:
    assert {"path", "single", "many", "tables", "tail", "start", "workers"} == set(PARTS)
    assert all(part.__doc__ for part in PARTS.values())


def test_the_path_is_told_in_times_of_the_floor(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def measured(python: Path, name: str, server: Any, rows: int, *_: Any) -> dict[str, float]:
        asked.append((name, rows))
        return {"loop_us": 40.0, "process_us": 50.0 if name != "ratchet" else 75.0}

    monkeypatch.setattr(parts, "_unwired", measured)
    monkeypatch.setattr(parts, "make_key", lambda release: "rk_1_2")
    monkeypatch.setattr(parts, "environment_of", lambda name: Path("python"))
    monkeypatch.setattr("benchmarks.serving.peers.environment_of", lambda name: Path("python"))
    table = path(release, Pace())
    assert [row[-1] for row in table.rows] == ["1.00x"] + ["1.50x"] * 4
    assert [rows for _, rows in asked] == [1, 1, 1, 1_000, 1_000]
