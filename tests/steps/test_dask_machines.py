"""Workers on other machines: network namespaces, each with an address and a file system of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from operator import mul
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.steps.backtest import backtest
from pipelines.stores.compute import cluster_watch
from pipelines.stores.compute.cluster import open_cluster
from pipelines.stores.problems.problem_files import LoadedProblem

pytestmark = [pytest.mark.servers, pytest.mark.slow]
START = datetime(2024, 1, 22, tzinfo=UTC)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def _join(switch: str, name: str, address: str, space: str | None = None) -> None:
    """A cable from the switch to a namespace, or to this machine."""
    inside = ["-n", space] if space else []
    _ip("link", "add", f"s{name}", "netns", switch, "type", "veth", "peer", "name", f"p{name}")
    _ip("-n", switch, "link", "set", f"s{name}", "master", "hub0", "up")
    if space:
        _ip("link", "set", f"p{name}", "netns", space)
        _ip(*inside, "link", "set", "lo", "up")
    _ip(*inside, "addr", "add", f"{address}/24", "dev", f"p{name}")
    _ip(*inside, "link", "set", f"p{name}", "up")


@pytest.fixture
def network(tmp_path: Path, dask_clusters: Any) -> Iterator[Any]:
    """A switch, this machine with the scheduler, and two namespaces with a worker each, which do not see the test.

    The switch has a namespace too: a Docker engine's firewall drops what a bridge of the machine's own would pass on.
    """
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("unshare") is None:
        pytest.skip("needs root, iproute2 and util-linux: network namespaces are made")
    mark, net = uuid.uuid4().hex[:6], f"10.213.{64 + os.getpid() % 128}"
    switch, *spaces = (f"ratchet-{mark}-{name}" for name in ("switch", "one", "two"))
    scratch = Path("/var/tmp") / f"ratchet-dask-{mark}"
    scratch.mkdir()
    started = dask_clusters.DaskProcesses(scratch)
    started.switch, started.sockets = switch, [f"s{mark}{number}" for number in (1, 2)]
    try:
        try:
            _ip("netns", "add", switch)
            _ip("-n", switch, "link", "add", "hub0", "type", "bridge")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network can be made here: {error.stderr}")
        _ip("-n", switch, "link", "set", "hub0", "up")
        _join(switch, f"{mark}0", f"{net}.1")
        started.start_scheduler(f"{net}.1")
        for number, space in enumerate(spaces, 1):
            _ip("netns", "add", space)
            _join(switch, f"{mark}{number}", f"{net}.{number + 1}", space)
            hidden = f'mount -t tmpfs none {tmp_path} && exec "$@"'
            before = ["ip", "netns", "exec", space, "unshare", "--mount", "sh", "-c", hidden, "sh"]
            started.start_worker(before, f"{net}.{number + 1}")
        yield started
    finally:
        started.end()
        for space in (switch, *spaces):
            subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)
        shutil.rmtree(scratch, ignore_errors=True)


def test_a_backtest_over_the_network_is_the_one_made_here(
    network: Any, rehearsal_table: Callable[..., LoadedProblem], settings: Settings
) -> None:
    loaded = rehearsal_table()
    only = {"only": ["never", "performance"]}
    here = backtest(loaded, settings, (), START, jobs=1, **only)
    there = backtest(loaded, settings.model_copy(update={"dask": network.address}), (), START, **only)
    assert network.address.startswith("tcp://10.213.")
    for ours, theirs in zip(here["policies"], there["policies"], strict=True):
        assert ours["windows"] == theirs["windows"]
        assert ours["aftermath"] == theirs["aftermath"]
        kept = [[{**one, "cpu_seconds": 0, "gate": 0} for one in side["trainings"]] for side in (ours, theirs)]
        assert kept[0] == kept[1]
    assert {one["retrainings"] > 0 for one in there["policies"]} == {True, False}


def test_workers_that_do_not_reach_each_other_are_told_of_and_a_scheduler_that_hangs(
    network: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask would try for ever to bring what one worker has to the other."""
    spread = settings.model_copy(update={"dask": network.address})
    with open_cluster(spread) as cluster:
        assert cluster is not None
        while cluster.processes < 2:
            time.sleep(0.1)
        assert list(cluster.each(mul, cluster.share(6), range(4))) == [0, 6, 12, 18]
        for way in ("on", "off"):
            for socket in network.sockets:
                _ip("-n", network.switch, "link", "set", socket, "type", "bridge_slave", "isolated", way)
            if way == "on":
                with pytest.raises(Unavailable, match=r"worker tcp://10\.213\.\S+ does not reach tcp://10\.213\."):
                    cluster.watch.require_ways()
        cluster.watch.require_ways()
        monkeypatch.setattr(cluster_watch, "PATIENCE", 0.5)
        network.scheduler.send_signal(signal.SIGSTOP)
        with pytest.raises(Unavailable, match="does not answer any more"):
            list(cluster.each(mul, cluster.share(6), range(4)))
        network.scheduler.kill()  # a client that closes takes leave of it
