"""A task for each of several things, one after another here, or side by side on the cluster that the settings name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.core.settings import Settings
from pipelines.stores.cluster import local_options


def map_task(settings: Settings, task: Any, calls: Sequence[dict[str, Any]]) -> list[Any]:
    """The final state of each call, in their order; one that fails does not keep the others from it.

    On a cluster its workers need the home, the database and Prefect's server, as the worker of a pool does.
    """
    if settings.dask is None or len(calls) < 2:
        return [task(**call, return_state=True) for call in calls]
    from prefect_dask import DaskTaskRunner

    here = local_options(settings.dask)
    where: dict[str, Any] = {"address": settings.dask}
    if here is not None:
        where = {"cluster_class": "distributed.LocalCluster", "cluster_kwargs": here}
    with DaskTaskRunner(**where) as runner:
        futures = [runner.submit(task, parameters=call) for call in calls]
        for future in futures:
            future.wait()
        return [future.state for future in futures]
