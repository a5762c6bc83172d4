"""`.ci/engine` ends only an engine that it started itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / ".ci" / "engine"


def engine(place: Path, word: str) -> subprocess.CompletedProcess[str]:
    """`engine WORD` in a project of its own."""
    (place / ".ci").mkdir(exist_ok=True)
    shutil.copy(PROGRAM, place / ".ci" / "engine")
    return subprocess.run(
        ["bash", ".ci/engine", word], cwd=place, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize("pid", [None, os.getpid(), 2**22 + 1], ids=["no file", "another program", "nobody"])
def test_an_engine_that_it_did_not_start_is_not_ended(tmp_path: Path, pid: int | None) -> None:
    if pid is not None:  # left from a run of long ago: the number may be anybody's now
        (tmp_path / "work").mkdir()
        (tmp_path / "work" / "engine.pid").write_text(str(pid))
    done = engine(tmp_path, "restart")
    assert done.returncode == 1
    assert "not ours to end" in done.stderr


def test_nothing_of_ours_is_nothing_to_end(tmp_path: Path) -> None:
    assert engine(tmp_path, "down").returncode == 0
    assert engine(tmp_path, "ours").returncode == 1


def test_where_no_tools_can_start_one_it_says_so(tmp_path: Path) -> None:
    done = engine(tmp_path, "up")
    assert done.returncode == 1
    assert "docker-engine.sh" in done.stderr
