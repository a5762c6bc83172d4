from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.core.settings import Settings
from pipelines.flows import training_tasks as tasks
from pipelines.stores.problems.problem_files import load_problem
from pipelines.stores.registry.registry import Registry

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.usefixtures("prefect_server")
def test_each_task_finds_what_it_had_finished(settings: Settings, small: Path) -> None:
    loaded = load_problem(str(small))
    ingested = tasks.ingest_source(loaded, settings, NOW, False)
    assert tasks.ingest_source(loaded, settings, NOW, False).snapshot == ingested.snapshot
    run = tasks.open_run(loaded, settings, ingested)
    assert run == tasks.open_run(loaded, settings, ingested)
    assert run.key != tasks.open_run(loaded, settings, replace(ingested, snapshot="0" * 64)).key

    def train() -> str:
        tasks.prepare_rows(loaded, ingested, run)
        tasks.featurize_rows(loaded, run)
        tasks.train_model(loaded, settings, run)
        return str(json.loads((run.folder / "trained.json").read_text())["digest"])

    digest = train()
    (run.folder / "features.parquet").write_bytes(b"damaged by a crash")
    (run.folder / "model.skops").unlink()
    assert train() == digest

    first = tasks.decide_and_release(loaded, settings, run, ingested, NOW, tasks.Asked("test"))
    card = (run.folder / "scorecard.json").read_text()
    assert Registry(settings).champion("small") is not None
    again = tasks.decide_and_release(loaded, settings, run, ingested, NOW, tasks.Asked("test"))
    assert again == first
    assert (run.folder / "scorecard.json").read_text() == card  # not judged against itself
