from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.contract import infer_contract
from pipelines.core.settings import Settings
from pipelines.stores.code_version import code_folder
from pipelines.stores.data.tables import write_parquet
from pipelines.stores.problems.problem_files import parse_problem
from pipelines.stores.releases.clean_runs import Ingredients, run_cleanly
from pipelines.stores.storage.files import read_json

TEXT = (
    "name: trains\ndata: {source: gone.csv, target: late, time: at, label_delay: 1h}\n"
    "learners: [{name: linear, params: {C: 1.0}}]\nsearch: {trials: 1}\n"
)
AS_OF = datetime(2024, 6, 1, tzinfo=UTC)


def test_a_run_needs_nothing_but_its_ingredients(toy: Any, settings: Settings, tmp_path: Path) -> None:
    frame = toy.trains_table(200)
    snapshot, place = tmp_path / "rows.parquet", tmp_path / "place"
    write_parquet(frame, snapshot)
    contract = infer_contract(parse_problem(TEXT, Path("trains.yaml")), frame).model_dump(mode="json")
    place.mkdir()
    done = run_cleanly(code_folder(), Ingredients("trains", TEXT, contract, snapshot, AS_OF), place)
    assert done.failed is None
    assert read_json(done.folder / "contract.json") == contract
    assert read_json(done.folder / "trained.json")["learner"] == "linear"
    assert (done.folder / "reference.parquet").is_file()
    assert not settings.home.exists()  # the home of the caller is left alone


def test_a_failed_step_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATCHET_HOST", "a setting that must not get through")
    place = tmp_path / "place"
    place.mkdir()
    ingredients = Ingredients("trains", "name: trains\n", {}, tmp_path / "rows.parquet", AS_OF)
    done = run_cleanly(code_folder(), ingredients, place)
    assert done.failed is not None
    assert "ProblemError" in done.failed
