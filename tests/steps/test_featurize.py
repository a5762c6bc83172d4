"""Featurize and materialise: training, batch and serving look up the same history."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from pipelines.core.errors import ContractError, NotFound, ProblemError
from pipelines.core.settings import Settings
from pipelines.steps.featurize import featurize, materialise
from pipelines.steps.ingest import ingest
from pipelines.steps.prepare import prepare
from pipelines.stores.data.history_store import load_current
from pipelines.stores.data.tables import read_parquet
from pipelines.stores.problems.problem_files import LoadedProblem, load_problem

AS_OF = datetime(2024, 2, 1, tzinfo=UTC)
HISTORY = [
    {"name": "rate", "by": ["line", "stop"], "of": "late", "window": "3d"},
    {"name": "trains", "by": "line", "how": "count", "window": "12h"},
]


def _trains(rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"at": pd.date_range("2024-01-01", periods=rows, freq="2h")})
    frame["known"] = frame["at"] + pd.to_timedelta(rng.integers(1, 400, rows), "min")
    frame["line"] = np.where(rng.random(rows) < 0.1, None, rng.choice(["S1", "S2"], rows))
    frame["stop"] = rng.integers(1, 4, rows)
    frame["rain"] = rng.normal(size=rows)
    frame["late"] = rng.random(rows) < 0.3
    return frame


def _load(folder: Path, frame: pd.DataFrame, history: list[dict[str, Any]] = HISTORY) -> LoadedProblem:
    frame.to_csv(folder / "trains.csv", index=False)
    with (folder / "trains.yaml").open("w") as file:
        data = {"source": "trains.csv", "target": "late", "time": "at", "label_known_at": "known"}
        YAML().dump({"name": "trains", "data": data, "features": {"history": history}}, file)
    return load_problem(str(folder / "trains.yaml"))


def _featurized(folder: Path, settings: Settings, loaded: LoadedProblem) -> pd.DataFrame:
    prepare(loaded, ingest(loaded, settings, AS_OF), folder / "work")
    return read_parquet(featurize(loaded, folder / "work"))


def test_rows_keep_what_they_were_and_gain_their_history(tmp_path: Path, settings: Settings) -> None:
    loaded = _load(tmp_path, _trains())
    made = _featurized(tmp_path, settings, loaded)
    prepared = read_parquet(tmp_path / "work" / "prepared.parquet")
    pd.testing.assert_frame_equal(made[prepared.columns], prepared)
    assert made["trains"].iloc[-1] > 0
    assert made["rate"].dropna().between(0, 1).all()
    first = made.sort_values("__time").iloc[0]
    assert np.isnan(first["rate"])
    assert first["trains"] == 0


def test_serving_looks_up_what_training_saw(tmp_path: Path, settings: Settings) -> None:
    """Batch and online agree: the materialised store gives each training row the very value it was trained on."""
    loaded = _load(tmp_path, _trains())
    made = _featurized(tmp_path, settings, loaded)
    told = materialise(loaded, settings, AS_OF)
    assert (told.features, told.rows, told.as_of) == (["rate", "trains"], 300, AS_OF.isoformat())
    for folder in (settings.history("trains"), tmp_path / "work" / "history"):
        found = load_current(folder)
        assert found is not None
        index, as_of = found
        for position in (0, 17, 299):
            row = made.iloc[position]
            alone = index.lookup({name: [row[name]] for name in index.columns}, np.array([row["__time"]], "M8[us]"))
            for name in index.names:
                np.testing.assert_array_equal(alone[name][0], row[name])
        assert as_of <= AS_OF


def test_labels_not_known_yet_are_not_in_the_store(tmp_path: Path, settings: Settings) -> None:
    frame = _trains()
    loaded = _load(tmp_path, frame)
    ingest(loaded, settings, AS_OF)
    early = datetime(2024, 1, 10, tzinfo=UTC)
    materialise(loaded, settings, early)
    found = load_current(settings.history("trains"))
    assert found is not None
    later = np.array(["2024-01-11"], "M8[us]")
    before = found[0].lookup({"line": ["S1"], "stop": [1.0]}, later)
    altered = frame.assign(late=np.where(frame["known"] > pd.Timestamp("2024-01-10"), ~frame["late"], frame["late"]))
    materialise(_load(tmp_path, altered), settings, early)
    found = load_current(settings.history("trains"))
    assert found is not None
    after = found[0].lookup({"line": ["S1"], "stop": [1.0]}, later)
    assert before == after


def test_without_history_nothing_is_joined_or_stored(tmp_path: Path, settings: Settings) -> None:
    loaded = _load(tmp_path, _trains(), [])
    made = _featurized(tmp_path, settings, loaded)
    assert list(made.columns) == list(read_parquet(tmp_path / "work" / "prepared.parquet").columns)
    assert not (tmp_path / "work" / "history").exists()
    assert materialise(loaded, settings, AS_OF).features == []


def test_what_stands_in_the_way_is_said(tmp_path: Path, settings: Settings) -> None:
    loaded = _load(tmp_path, _trains())
    with pytest.raises(NotFound, match="train it first"):
        materialise(loaded, settings, AS_OF)
    ingest(loaded, settings, AS_OF)
    with pytest.raises(ContractError, match="left as it is"):
        materialise(_load(tmp_path, _trains().drop(columns="rain")), settings, AS_OF)
    clash = _load(tmp_path, _trains(), [{**HISTORY[1], "name": "rain"}])
    with pytest.raises(ProblemError, match="'rain' has the name of a column"):
        _featurized(tmp_path, settings, clash)


def test_rows_from_before_a_break_are_left_out_of_the_training(tmp_path: Path, settings: Settings) -> None:
    frame = _trains(12 * 200)
    signal = np.where(np.arange(len(frame)) < 1600, 1.0, -1.0) * frame["rain"]
    frame["late"] = signal > 0
    frame["at"] = pd.date_range("2024-01-01", periods=len(frame), freq="15min")
    frame["known"] = frame["at"] + pd.Timedelta("10min")
    made = _featurized(tmp_path, settings, _load(tmp_path, frame, history=[]))
    turned = frame["at"].iloc[1600]
    sides = made["__side"].groupby(made["__time"] >= turned).value_counts()
    assert sides[False]["older"] > 1500
    assert sides[True].get("older", 0) < 400
    prepared = read_parquet(tmp_path / "work" / "prepared.parquet")
    assert "older" not in set(prepared["__side"])
