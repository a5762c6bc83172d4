"""A task for each of several things, one after another here, or side by side on the cluster that the settings name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.compute.cluster import local_options, open_cluster
from pipelines.stores.compute.cluster_watch import Watch

_BEAT = 1.0  # seconds


def map_task(settings: Settings, task: Any, calls: Sequence[dict[str, Any]]) -> list[Any]:
    """The final state of each call, in their order; one that fails does not keep the others from it.

    On a cluster its workers need the home, the database and Prefect's server, as the worker of a pool does. Unavailable
    when it cannot work, or goes away.
    """
    if settings.dask is None or len(calls) < 2:
        return [task(**call, return_state=True) for call in calls]
    from prefect_dask import DaskTaskRunner

    with _cluster(settings) as (where, watch), DaskTaskRunner(**where) as runner:
        futures = [runner.submit(task, parameters=call) for call in calls]
        return [_state(future, watch) for future in futures]


@contextmanager
def _cluster(settings: Settings) -> Iterator[tuple[dict[str, Any], Watch | None]]:
    """What a task runner is made with, and who looks after the workers where they are not of its own making."""
    assert settings.dask is not None
    here = local_options(settings.dask)
    if here is not None:
        yield {"cluster_class": "distributed.LocalCluster", "cluster_kwargs": here}, None
        return
    with open_cluster(settings) as cluster:
        yield {"address": settings.dask}, None if cluster is None else cluster.watch


def _state(future: Any, watch: Watch | None) -> Any:
    """The final state; Unavailable when the cluster goes away before there is one."""
    while watch is not None and not future.wrapped_future.done():
        future.wait(_BEAT)
        watch.look()
    future.wait()
    if not future.state.is_final():
        raise Unavailable("the Dask cluster went away while a task ran on it: run it again")
    return future.state
