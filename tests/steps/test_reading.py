"""The source as it was known at a moment."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipelines.core.errors import ProblemError
from pipelines.core.problem import Problem
from pipelines.core.settings import Settings
from pipelines.steps.reading import read_as_of
from pipelines.stores.problems.problem_files import LoadedProblem

TABLE = """asked,arrived,delay,place,late
2013-01-01 10:00:00,2013-01-01 12:00:00,5,a,false
2013-01-02 10:00:00,2013-01-02 12:00:00,20,a,true
2013-01-02 11:00:00,2013-01-03 02:00:00,30,b,true
2013-01-02 12:00:00,,,b,
2013-01-03 10:00:00,2013-01-03 12:00:00,1,b,false
,2013-01-01 12:00:00,1,b,false
"""
HISTORY = [{"name": "h", "by": "place", "of": "delay", "window": "1d", "known_at": "arrived"}]


def _read(tmp_path: Path, as_of: str, data: dict[str, Any], **more: Any) -> pd.DataFrame:
    path = tmp_path / "x.yaml"
    (tmp_path / "a.csv").write_text(TABLE)
    problem = Problem.model_validate({"name": "x", "data": {"source": "a.csv", "target": "late", **data}, **more})
    loaded = LoadedProblem(problem, "", path, tmp_path)
    return read_as_of(loaded, Settings(home=tmp_path / "home"), datetime.fromisoformat(as_of).replace(tzinfo=UTC))


def test_later_rows_are_gone_and_later_labels_unknown(tmp_path: Path) -> None:
    frame = _read(tmp_path, "2013-01-02T12:00", {"time": "asked", "label_known_at": "arrived"})
    assert frame["late"].tolist() == [False, True, None, None, False]
    assert frame["arrived"].isna().tolist() == [False, False, True, True, False]
    assert frame["delay"].tolist()[:3] == [5, 20, 30]


def test_outcomes_that_history_reads_are_unknown_as_well(tmp_path: Path) -> None:
    frame = _read(tmp_path, "2013-01-02T12:00", {"time": "asked"}, features={"history": HISTORY})
    assert frame["delay"].isna().tolist() == [False, False, True, True, False]
    assert frame["late"].tolist() == [False, True, True, None, False]


def test_a_delay_says_when_labels_are_known(tmp_path: Path) -> None:
    frame = _read(tmp_path, "2013-01-02T12:00", {"time": "asked", "label_delay": "2h"})
    assert frame["late"].tolist() == [False, True, None, None, None]


def test_without_a_time_everything_is_known(tmp_path: Path) -> None:
    assert len(_read(tmp_path, "2000-01-01", {})) == 6


def test_a_time_that_is_none_is_an_error_of_the_problem(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match=r"data\.time: 'a' in column 'place' is no date or time"):
        _read(tmp_path, "2013-01-01", {"time": "place"})
    with pytest.raises(ProblemError, match=r"data\.time names 'nope'"):
        _read(tmp_path, "2013-01-01", {"time": "nope"})


def test_a_moment_without_a_zone_is_refused(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "x.yaml"
    (tmp_path / "a.csv").write_text(TABLE)
    data = {"source": "a.csv", "target": "late", "time": "asked"}
    problem = Problem.model_validate({"name": "x", "data": data})
    with pytest.raises(ValueError, match="has no time zone"):
        read_as_of(LoadedProblem(problem, "", path, tmp_path), settings, datetime(2013, 1, 1))
