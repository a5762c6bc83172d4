"""What several tests of steps share: a table to rehearse on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.stores.problems.problem_files import LoadedProblem, parse_problem

RehearsalTable = Callable[..., LoadedProblem]


@pytest.fixture
def rehearsal_table(tmp_path: Path) -> RehearsalTable:
    """Writes ten weeks of a table, thirty rows a day, whose concept turns round after six, and gives its problem."""

    def write(change: Callable[[pd.DataFrame], pd.DataFrame] | None = None, **sections: Any) -> LoadedProblem:
        frame = turning_table()
        folder = tmp_path / ("plain" if change is None else "changed")
        folder.mkdir(exist_ok=True)
        (frame if change is None else change(frame)).to_csv(folder / "trains.csv", index=False)
        text = REHEARSED + "".join(f"{name}: {value}\n" for name, value in sections.items())
        path = folder / "trains.yaml"
        path.write_text(text)
        return LoadedProblem(parse_problem(text, path), text, path, folder)

    return write


REHEARSED = """
name: trains
task: binary
data: {source: trains.csv, target: late, time: at, key: id, label_known_at: known}
features:
  categorical: [line]
  numeric: [rain]
  history: [{name: late_by_line, by: line, of: late, window: 7d}]
learners: [linear]
search: {trials: 1}
split: {window: 14d}
good_enough: {explain_seconds: 0, search_slices: false}
"""


def turning_table() -> pd.DataFrame:
    source, rows = np.random.default_rng(5), 70 * 30
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows) * 48, "min")
    rain = source.normal(size=rows)
    sign = np.where(np.arange(rows) < 42 * 30, 1, -1)
    late = source.random(rows) < 1 / (1 + np.exp(-2.5 * sign * rain))
    known = at + pd.to_timedelta(source.uniform(1, 30, rows), "h")
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "at": at,
            "line": source.choice(["S1", "S2"], rows),
            "rain": rain.round(4),
            "late": np.where(late, "true", "false"),
            "known": known,
        }
    )
