from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

At = Callable[..., tuple[int, Any, str]]


@pytest.mark.slow
def test_a_window_is_judged(trained: Any, at_home: At) -> None:
    import json
    import subprocess
    import sys

    output = trained.folder / "answers.csv"
    assert at_home("predict", "late", trained.folder / "late.csv", "-o", output, "--as-of", "2026-01-11")[0] == 0
    window = ["--start", "2026-01-01", "--end", "2026-01-11", "--as-of", "2026-01-11"]
    command = [sys.executable, "-m", "pipelines.cli", "monitor", trained.problem, *window, "--json"]
    done = subprocess.run(command, env=trained.environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    watched = json.loads(done.stdout.splitlines()[-1])
    assert watched["problem"] == "late"
    assert watched["rows"] >= 400
    assert watched["level"] in {"healthy", "warning"}
    assert watched["dispatched"] == []
