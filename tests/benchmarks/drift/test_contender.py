from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.drift import full_window as window
from benchmarks.drift.contender import measured, ours


@pytest.mark.parametrize("draw", [False, True])
def test_ours_names_the_columns_that_drifted(tmp_path: Path, draw: bool) -> None:
    window.write_log(tmp_path / "log.db", 3_000)
    found = measured(ours(tmp_path, draw))
    assert {name for name, drifted in found["drifted"].items() if drifted} == window.DRIFTED
    assert found["cpu"] > 0
    assert found["peak_mb"] >= found["before_mb"]
