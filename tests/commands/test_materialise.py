from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from pipelines.stores.data.history_store import load_current


@pytest.mark.slow
def test_history_is_renewed(trained: Any) -> None:
    command = [sys.executable, "-m", "pipelines.cli", "materialise", trained.problem, "--as-of", "2026-01-10T12:00"]
    done = subprocess.run([*command, "--json"], env=trained.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["problem"] == "late"
    found = load_current(trained.home / "history" / "late")
    assert found is not None
    assert found[1] == datetime(2026, 1, 10, 12, tzinfo=UTC)
