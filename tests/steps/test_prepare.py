"""Prepare: from a Snapshot to typed columns, encoded labels and sides."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from pipelines.core.settings import Settings
from pipelines.steps.ingest import ingest
from pipelines.steps.prepare import prepare
from pipelines.stores.data.tables import read_parquet
from pipelines.stores.problems.contracts import read_contract
from pipelines.stores.problems.problem_files import load_problem

AS_OF = datetime(2013, 3, 1, tzinfo=UTC)


def _prepare(folder: Path, settings: Settings, frame: pd.DataFrame, **more: Any) -> pd.DataFrame:
    frame.to_csv(folder / "table.csv", index=False)
    data = {"source": "table.csv", "target": "y", **more.pop("data", {})}
    with (folder / "x.yaml").open("w") as file:
        YAML().dump({"name": "x", "data": data, **more}, file)
    loaded = load_problem(str(folder / "x.yaml"))
    path = prepare(loaded, ingest(loaded, settings, AS_OF), folder / "work")
    assert read_contract(folder / "work" / "contract.json").problem == "x"
    return read_parquet(path)


def _frame(rows: int = 100) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "when": pd.date_range("2013-01-01", periods=rows, freq="6h"),
            "known": pd.date_range("2013-01-02", periods=rows, freq="6h"),
            "a": np.linspace(0, 1, rows),
            "b": np.resize(["1", "2", None], rows),
            "delay": np.resize([1.0, 5.0], rows),
            "y": np.resize([True, False], rows),
        }
    )


def test_everything_that_training_needs_is_there(tmp_path: Path, settings: Settings) -> None:
    history = [{"name": "h", "by": "b", "of": "delay", "window": "7d", "known_at": "known"}]
    features = {"numeric": "a", "others": "ignore", "history": history}
    data = {"time": "when", "label_known_at": "known"}
    prepared = _prepare(tmp_path, settings, _frame(), data=data, features=features)
    assert prepared.dtypes.astype(str).to_dict() == {
        "a": "float64",
        "b": "object",
        "when": "datetime64[us]",
        "delay": "float64",
        "known": "datetime64[us]",
        "__row": "object",
        "__time": "datetime64[us]",
        "__known_at": "datetime64[us]",
        "__y": "float64",
        "__side": "object",
    }
    assert prepared["__y"].tolist()[:3] == [1.0, 0.0, 1.0]
    assert prepared["__row"].is_unique
    assert (prepared["__known_at"] - prepared["__time"]).dropna().eq(pd.Timedelta("1D")).all()
    assert prepared["b"].tolist()[:3] == ["1", "2", None]


@pytest.mark.parametrize(("data", "later"), [({"label_delay": "2d"}, "2D"), ({}, "0D")])
def test_a_label_is_known_when_the_problem_says(
    data: dict[str, str], later: str, tmp_path: Path, settings: Settings
) -> None:
    prepared = _prepare(tmp_path, settings, _frame(), data={"time": "when", **data})
    assert (prepared["__known_at"] - prepared["__time"]).eq(pd.Timedelta(later)).all()


def test_without_a_time_rows_are_still_told_apart(tmp_path: Path, settings: Settings) -> None:
    prepared = _prepare(tmp_path, settings, _frame().drop(columns=["when", "known", "a", "delay"]).assign(c=1))
    assert prepared["__time"].isna().all()
    assert prepared["__row"].is_unique
    assert set(prepared["__side"]) == {"train", "validation", "test"}


def test_rows_before_the_window_serve_history_only(tmp_path: Path, settings: Settings) -> None:
    frame = _frame(200)
    prepared = _prepare(tmp_path, settings, frame, data={"time": "when"}, split={"window": "4w"})
    older = prepared["__side"] == "older"
    assert (older == (prepared["__time"] <= pd.Timestamp("2013-02-01"))).all()
    assert older.any()
    assert not older.all()
