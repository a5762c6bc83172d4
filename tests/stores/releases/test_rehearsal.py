from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from pipelines.core.history import HistoryIndex
from pipelines.core.settings import Settings
from pipelines.steps.evaluate import evaluate
from pipelines.stores.bundles.bundle import write_bundle
from pipelines.stores.data import history_store
from pipelines.stores.releases.rehearsal import rehearse
from pipelines.stores.releases.release_files import stage_bundle
from pipelines.stores.storage.files import read_json


@pytest.fixture
def run(toy: ModuleType, settings: Settings) -> Any:
    return toy.make_run(settings)


@pytest.fixture
def staged(toy: ModuleType, run: Any) -> Path:
    card, _ = toy.judged(run, None, evaluate)
    found: Path = stage_bundle(run.loaded, run.folder, toy.lineage(run), card)
    return found


def test_what_serves_over_http_is_what_was_judged_in_batch(run: Any, staged: Path, settings: Settings) -> None:
    found = rehearse(staged, run.folder / "history", settings)
    assert (found.rows, found.wrong, found.examples, found.compiled) == (180, 0, [], True)
    assert found.largest is not None
    assert found.largest <= found.tolerance == 1e-9
    assert found.latency_ms is not None
    assert found.latency_p99_ms is not None
    assert 0 < found.latency_ms <= found.latency_p99_ms < 1000
    assert found.size_mb == pytest.approx((staged / "model.skops").stat().st_size / 1e6, rel=0.9)
    assert not list(run.folder.glob(".rehearsal*"))


def test_a_history_that_knows_other_things_than_the_batch_shows(run: Any, staged: Path, settings: Settings) -> None:
    """Rows, moments and model are the same; only the store that serving looks up is not what was joined."""
    prepared = pd.read_parquet(run.folder / "prepared.parquet")
    other = prepared.assign(__y=1 - prepared["__y"])
    index = HistoryIndex.build(other, run.loaded.problem.features.history, run.loaded.problem, "binary")
    history_store.save(index, run.folder / "history", datetime(2024, 6, 1, tzinfo=UTC))
    found = rehearse(staged, run.folder / "history", settings)
    assert 60 < found.wrong <= 120, "odd rows are looked up in the same store in batch"
    assert len(found.examples) == 3
    assert "over HTTP" in found.examples[0]
    assert "in batch" in found.examples[0]


def test_a_release_that_is_refused_has_every_row_wrong(run: Any, staged: Path, settings: Settings) -> None:
    probe = read_json(staged / "ratchet" / "probe.json")
    probe["scores"][0] = [0.5, 0.5]
    write_bundle(staged, {"probe.json": probe}, {})
    found = rehearse(staged, run.folder / "history", settings)
    assert (found.rows, found.wrong, found.largest, found.latency_ms) == (180, 180, None, None)
    assert "refuses the release" in found.examples[0]


def test_rows_that_are_refused_are_told_apart_from_the_others(run: Any, staged: Path, settings: Settings) -> None:
    """The service's contract has a limit that the batch did not know."""
    contract = read_json(staged / "ratchet" / "contract.json")
    for column in contract["columns"]:
        if column["name"] == "noise":
            column["maximum"] = 1.5
    write_bundle(staged, {"contract.json": contract}, {})
    found = rehearse(staged, run.folder / "history", settings)
    assert 0 < found.wrong < found.rows
    assert "refused with 422" in found.examples[0]
