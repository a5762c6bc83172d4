"""A task for each of several things, one after another here, or side by side on the cluster that the settings name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.core.settings import Settings


def map_task(settings: Settings, task: Any, calls: Sequence[dict[str, Any]]) -> list[Any]:
    """The final state of each call, in their order; one that fails does not keep the others from it.

    On a cluster its workers need the home, the database and Prefect's server, as the worker of a pool does.
    """
    if settings.dask is None or len(calls) < 2:
        return [task(**call, return_state=True) for call in calls]
    from prefect_dask import DaskTaskRunner

    where: dict[str, Any] = {"address": settings.dask}
    if settings.dask.startswith("local:"):
        processes = {"n_workers": int(settings.dask.removeprefix("local:")), "threads_per_worker": 1}
        where = {
            "cluster_class": "distributed.LocalCluster",
            "cluster_kwargs": {**processes, "dashboard_address": "127.0.0.1:0"},
        }
    with DaskTaskRunner(**where) as runner:
        futures = [runner.submit(task, parameters=call) for call in calls]
        for future in futures:
            future.wait()
        return [future.state for future in futures]
