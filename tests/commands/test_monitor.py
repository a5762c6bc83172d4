from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipelines.commands.monitor import _show

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


def test_a_verdict_is_shown_by_kind_with_what_it_goes_by(capsys: pytest.CaptureFixture[str]) -> None:
    column = {"name": "rain", "drifted": True, "score": 0.4, "limit": 0.1, "usage": 0.5, "harm": 0.03}
    watched = {
        "problem": "late",
        "version": 2,
        "start": "2026-01-01T00:00:00+00:00",
        "end": "2026-01-08T00:00:00+00:00",
        "rows": 1234,
        "labels": 500,
        "level": "warning",
        "kinds": {"performance": "healthy", "data": "warning"},
        "why": {"data": ["rain drifted"]},
        "numbers": {"loss": 0.51234},
        "retrain": False,
        "blocked_by": ["the cooldown lasts"],
        "report": "r.json",
        "coverage": 0.405,
        "notes": ["no label since Monday"],
        "columns": [column, {**column, "name": "calm", "drifted": False, "harm": None}],
    }
    _show(watched, [{"problem": "late", "outcome": "promote"}])
    shown = capsys.readouterr().out
    for text in ("2026-01-01 00:00 to 2026-01-08 00:00", "rain drifted", "500 (40% of its answers)", "0.512"):
        assert text in shown
    for text in ("no label since Monday", "the cooldown lasts", "0.03", "promote"):
        assert text in shown
    assert "calm" not in shown
