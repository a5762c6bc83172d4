"""A home in which a small problem has been trained by the real command, once for all tests of this room."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import run
from pipelines.core.settings import Settings

AS_OF = "2026-01-10"
Outcome = tuple[int, Any, str]


@dataclass(frozen=True)
class Trained:
    """The folder of problem file and table, its home, and what `ratchet train --json` printed."""

    folder: Path
    home: Path
    summary: dict[str, Any]
    told: str = ""
    """What the command wrote to stderr."""

    @property
    def problem(self) -> str:
        """The problem file's path."""
        return str(self.folder / "late.yaml")

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs to find this home."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RATCHET_", "PREFECT_"))}
        search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**kept, "RATCHET_HOME": str(self.home), "RATCHET_DATA": str(self.folder), "PATH": search}


def write_late(folder: Path) -> Path:
    """A problem with a time column and a history feature."""
    noise, start = random.Random(3), datetime(2026, 1, 1)
    lines = ["id,at,line,load,late"]
    for row in range(400):
        line, load = noise.choice("ab"), noise.random()
        late = load + (0.4 if line == "b" else 0) + noise.gauss(0, 0.2) > 0.7
        lines.append(
            f"{row},{start + timedelta(minutes=30 * row):%Y-%m-%d %H:%M},{line},{load:.4f},{str(late).lower()}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "late.csv").write_text("\n".join(lines) + "\n")
    path = folder / "late.yaml"
    path.write_text(
        "name: late\n"
        "data: {source: late.csv, target: late, time: at, key: id, label_delay: 1h}\n"
        "features:\n  history:\n    - {name: late_by_line_1d, by: line, of: late, window: 1d}\n"
        "learners: [linear]\nsearch: {trials: 1}\n"
    )
    return path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A problem `late`, trained as of 10 January 2026."""
    folder = tmp_path_factory.mktemp("trained")
    write_late(folder)
    found = Trained(folder, folder / "home", {})
    command = [sys.executable, "-m", "pipelines.cli", "train", found.problem, "--as-of", AS_OF, "--json"]
    done = subprocess.run(command, env=found.environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return Trained(folder, folder / "home", json.loads(done.stdout.splitlines()[-1]), done.stderr)


@pytest.fixture
def ratchet(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Outcome]]:
    """Runs a command line in this process, in the test's own home: exit code, the JSON printed or None, stderr."""
    before = dict(os.environ)

    def call(*arguments: object) -> Outcome:
        with warnings.catch_warnings():
            code = run([str(one) for one in arguments])
        printed = capsys.readouterr()
        last = printed.out.strip().splitlines()[-1:] if "--json" in arguments else []
        return code, json.loads(last[0]) if last else printed.out, printed.err

    yield call
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def at_home(
    trained: Trained, ratchet: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    """The same, in the home of the trained problem."""
    monkeypatch.setenv("RATCHET_HOME", str(trained.home))
    monkeypatch.setenv("RATCHET_DATA", str(trained.folder))
    return ratchet
