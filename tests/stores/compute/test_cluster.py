"""The door to Dask, with processes of its own and without any."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from pipelines.core.errors import ProblemError, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.compute import cluster as module
from pipelines.stores.compute.cluster import open_cluster


def test_without_the_setting_there_is_no_cluster_and_no_dask(settings: Settings) -> None:
    with open_cluster(settings) as cluster:
        assert cluster is None
    code = "import sys, pipelines.steps.train, pipelines.steps.score, pipelines.steps.backtest; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"dask", "distributed"} & set(done.stdout.split())


@pytest.mark.parametrize("count", ["", "0", "-2", "all"])
def test_a_number_of_processes_is_asked_for(settings: Settings, count: str) -> None:
    asked = settings.model_copy(update={"dask": f"local:{count}"})
    with pytest.raises(ProblemError, match="local:4"), open_cluster(asked):
        pass


def test_nobody_at_the_address(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    asked = settings.model_copy(update={"dask": "tcp://127.0.0.1:9"})
    with pytest.raises(Unavailable, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"), open_cluster(asked):
        pass


def times(by: int, number: int) -> int:
    return by * number


def refused(by: int, number: int) -> int:
    raise ProblemError(f"{number} is too few")


@pytest.mark.slow
def test_processes_of_our_own(settings: Settings) -> None:
    """By functions that a worker finds too: it knows nothing of the tests' files."""
    from operator import mul

    with open_cluster(settings.model_copy(update={"dask": "local:1"})) as cluster:
        assert cluster is not None
        assert cluster.processes == 1
        six = cluster.share(6)
        assert list(cluster.each(mul, six, range(7))) == [0, 6, 12, 18, 24, 30, 36]
        assert list(cluster.each(mul, six, iter(()))) == []
        with pytest.raises(TypeError):
            cluster.begin(mul, cluster.share(None), None).result()
        unused: Any = cluster.begin(mul, six, 1)
        unused.forget()
