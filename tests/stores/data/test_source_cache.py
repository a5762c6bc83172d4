"""A query's result is kept, and only as long as nothing it reads has changed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pipelines.core.problem import Source, Target
from pipelines.stores.data import source_cache
from pipelines.stores.data.source_cache import read_cached
from pipelines.stores.data.tables import read_source

ROWS = "id,flag,code,amount,at\n1,true,007,1.5,2024-01-01 10:00\n2,,x,,2024-01-02 11:00\n3,false,,2.5,\n"
QUERY = Source(files={"rows": "rows.csv"}, sql="SELECT *, amount * 2 AS twice FROM rows ORDER BY id")
TARGET = Target(column="big", expression="amount > 2")


def test_the_kept_result_is_what_the_source_gives(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(ROWS)
    first = read_cached(QUERY, tmp_path, TARGET, tmp_path / "cache")
    again = read_cached(QUERY, tmp_path, TARGET, tmp_path / "cache")
    fresh = read_source(QUERY, tmp_path, TARGET)
    pd.testing.assert_frame_equal(first, fresh)
    pd.testing.assert_frame_equal(again, fresh)


def test_the_second_reading_comes_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rows.csv").write_text(ROWS)
    read_cached(QUERY, tmp_path, TARGET, tmp_path / "cache")
    monkeypatch.setattr(source_cache, "read_source", None)  # calling it would fail
    assert len(read_cached(QUERY, tmp_path, TARGET, tmp_path / "cache")) == 3


def test_a_changed_file_is_read_anew_and_old_results_go(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(ROWS)
    for extra in range(4):
        with (tmp_path / "rows.csv").open("a") as file:
            file.write(f"{extra + 4},true,y,9.0,2024-01-03 12:00\n")
        assert len(read_cached(QUERY, tmp_path, TARGET, tmp_path / "cache")) == extra + 4
    assert len(list((tmp_path / "cache").iterdir())) == source_cache.KEPT


def test_a_plain_file_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(ROWS)
    read_cached(Source(files="rows.csv"), tmp_path, Target(column="flag"), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
