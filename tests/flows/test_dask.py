"""Flows with RATCHET_DASK: a training and what is mapped over problems, on workers that are processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import ProblemError
from pipelines.core.settings import Settings
from pipelines.flows.materialising import materialising
from pipelines.flows.training import training
from pipelines.stores.data.history_store import load_current

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_server")]
START = datetime(2026, 1, 1, tzinfo=UTC)
SALES = """
name: sales
task: regression
learners: [linear, lightgbm]
search: {trials: 3}
data: {source: sales.csv, target: y, time: at, label_delay: 1h}
features: {history: [{name: mean_1d, by: shop, of: y, window: 1d}]}
"""


@pytest.fixture(scope="module")
def workers(dask_clusters: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with dask_clusters.dask_processes(tmp_path_factory.mktemp("dask"), workers=1) as started:
        yield started


def test_a_training_and_the_histories_of_all_problems(
    workers: Any, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = range(200)
    lines = [f"{(START + timedelta(hours=hour)).isoformat()},{'ab'[hour % 2]},{(hour * 7) % 13}" for hour in hours]
    (tmp_path / "sales.csv").write_text("\n".join(["at,shop,y", *lines]) + "\n")
    path = tmp_path / "sales.yaml"
    path.write_text(SALES)
    as_of = START + timedelta(hours=150)
    here = training(str(path), as_of=as_of)
    monkeypatch.setenv("RATCHET_HOME", str(tmp_path / "another"))
    monkeypatch.setenv("RATCHET_DASK", workers.address)
    there = training(str(path), as_of=as_of)
    assert there["model_digest"] == here["model_digest"]

    monkeypatch.setenv("RATCHET_HOME", str(settings.home))
    (settings.home / "problems" / "a-lost-one.json").write_text('{"name": "lost", "path": "/nowhere/lost.yaml"}')
    moment = START + timedelta(hours=181)
    with pytest.raises(ProblemError, match="lost"):
        materialising(as_of=moment)
    found = load_current(settings.history("sales"))
    assert found is not None
    assert found[1] == moment
