"""One MLflow run, logged in a few calls: parameters, metrics, tags, documents and the data set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOGGED = "ratchet.logged"
_LONGEST_PARAM = 6000
_PARAMS = 100  # MLflow's limits for one call
_METRICS = 1000


@dataclass(frozen=True)
class DatasetFacts:
    """The snapshot that a run was trained on, as MLflow shows it among the run's inputs."""

    name: str
    digest: str
    source: str
    rows: int


def log_run(
    client: MlflowClient,
    run_id: str,
    params: Mapping[str, Any],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    folder: Path | None,
    dataset: DatasetFacts | None,
    at: float,
) -> None:
    """Log everything and end the run. The mark that it is complete comes last: a kill is made good."""
    from mlflow.entities import Metric, Param, RunTag

    if LOGGED in client.get_run(run_id).data.tags:
        return
    if folder is not None:
        client.log_artifacts(run_id, str(folder))
    if dataset is not None:
        client.log_inputs(run_id, [_dataset_input(dataset)])
    given = [Param(name, str(value)[:_LONGEST_PARAM]) for name, value in sorted(params.items())]
    for start in range(0, len(given), _PARAMS):
        client.log_batch(run_id, params=given[start : start + _PARAMS])
    measured = [Metric(name, value, int(at * 1000), 0) for name, value in sorted(metrics.items())]
    for start in range(0, len(measured), _METRICS):
        client.log_batch(run_id, metrics=measured[start : start + _METRICS])
    client.set_terminated(run_id)
    client.log_batch(run_id, tags=[RunTag(name, value) for name, value in {**tags, LOGGED: "true"}.items()])


def _dataset_input(facts: DatasetFacts) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = json.dumps({"uri": facts.source, "sha256": facts.digest})
    profile = json.dumps({"num_rows": facts.rows})
    dataset = Dataset(facts.name, facts.digest[:36], "local", source, profile=profile)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])
