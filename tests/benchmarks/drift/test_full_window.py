from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pandas as pd

from benchmarks.drift import full_window as window
from pipelines.stores.logbook.prediction_log import PredictionLog


def test_the_log_and_the_tables_hold_the_same_rows(tmp_path: Path) -> None:
    window.write_log(tmp_path / "log.db", 3_000)
    window.write_tables(tmp_path, 3_000)
    table = pd.read_parquet(tmp_path / "window.parquet")
    log, side = PredictionLog(f"sqlite:///{tmp_path / 'log.db'}"), window.side(500)
    moments = (window.START, window.END, window.END + timedelta(days=1))
    found = log.view(window.NAME, side.contract, [], *moments, 5_000)
    log.close()
    names = list(table.columns)
    logged = found.sample.frame[names].sort_values(names, ignore_index=True)
    pd.testing.assert_frame_equal(logged, table.sort_values(names, ignore_index=True), check_dtype=False)
    assert set(names) == {*window.NUMBERS, *window.CATEGORIES}
    assert found.versions == {1: 3_000}
    assert abs(table["n0"].mean() - 0.5) < 0.1
