"""What a cluster that is waited for says of itself, by a client that is none; real ones are in test_dask_machines."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.core.errors import Unavailable
from pipelines.stores.compute.cluster_watch import LASTING, PATIENCE, Watch, knock, unreached

ONE, TWO = "tcp://10.0.0.1:1", "tcp://10.0.0.2:2"


class Client:
    """A scheduler that knows the workers whose answers to `knock` are given."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = dict(answers.get("answers", {ONE: [], TWO: []}))
        self.slow = False
        self.scheduler: Any = self

    async def identity(self, n_workers: int) -> dict[str, Any]:
        assert n_workers == -1
        if self.slow:
            await asyncio.sleep(60)
        return {"workers": {worker: {} for worker in self.answers}}

    async def run(self, function: Any, *given: Any, workers: list[str], on_error: str) -> dict[str, Any]:
        assert on_error == "return"
        answer = self.answers[workers[0]]
        if isinstance(answer, TimeoutError):
            raise answer
        return {workers[0]: answer}

    def sync(self, ask: Callable[[], Any], callback_timeout: float) -> Any:
        return asyncio.run(asyncio.wait_for(ask(), 0.05 if self.slow else callback_timeout))


def watch(client: Client) -> tuple[Watch, Callable[[float], None]]:
    """A watch, and what moves its clock on and looks."""
    now = [0.0]
    made = Watch(client, "tcp://there", lambda: now[0])

    def look_after(seconds: float) -> None:
        now[0] += seconds
        made.look()

    return made, look_after


def test_a_cluster_that_is_well_is_let_be() -> None:
    made, look_after = watch(Client())
    made.require_ways()
    for _ in range(5):
        look_after(PATIENCE)
    assert made.workers() == [ONE, TWO]
    assert made.everybody(knock) == {ONE: [], TWO: []}


def test_a_way_that_stays_closed_is_an_error_at_once_only_before_work_begins() -> None:
    client = Client(answers={ONE: [f"{TWO} (TimeoutError)"], TWO: []})
    made, look_after = watch(client)
    with pytest.raises(Unavailable, match=f"the worker {ONE} does not reach {TWO}"):
        made.require_ways()
    look_after(PATIENCE)  # it may have died a moment ago
    client.answers[ONE] = []
    look_after(PATIENCE)
    client.answers[ONE] = [TWO]
    look_after(PATIENCE)
    look_after(PATIENCE)
    with pytest.raises(Unavailable, match="there cannot work: the worker"):
        look_after(LASTING - PATIENCE + PATIENCE)


def test_a_worker_that_the_scheduler_cannot_reach_is_named_and_one_that_is_busy_is_waited_for() -> None:
    client = Client(answers={ONE: OSError("no route"), TWO: TimeoutError()})
    made, look_after = watch(client)
    with pytest.raises(Unavailable, match=r"the scheduler does not reach the worker tcp://10\.0\.0\.1:1.*1 more"):
        made.require_ways()
    client.answers[ONE] = []
    for _ in range(5):
        look_after(PATIENCE)
    assert unreached({ONE: [], TWO: {"code": "x"}}) == []
    with pytest.raises(ValueError, match="odd"):
        unreached({ONE: OSError(), TWO: ValueError("odd")})


def test_a_scheduler_without_workers_or_without_an_answer() -> None:
    client = Client(answers={})
    _, look_after = watch(client)
    look_after(1.0)
    with pytest.raises(Unavailable, match="lost its last worker"):
        look_after(PATIENCE)
    client.slow = True
    with pytest.raises(Unavailable, match="does not answer any more"):
        look_after(PATIENCE)
    client.scheduler = None
    with pytest.raises(Unavailable, match="is gone"):
        look_after(PATIENCE)


def test_a_worker_knocks_at_the_next_others() -> None:
    with socket.create_server(("127.0.0.1", 0)) as open_door, socket.create_server(("127.0.0.1", 0)) as other:
        ours, reached = (f"tcp://127.0.0.1:{one.getsockname()[1]}" for one in (other, open_door))
        with socket.create_server(("127.0.0.1", 0)) as closing:
            lost = f"tcp://127.0.0.1:{closing.getsockname()[1]}"
        peers = [ours, reached, lost, "inproc://somewhere"]
        found = asyncio.run(knock(peers, SimpleNamespace(address=ours)))
    assert found == [f"{lost} (ConnectionRefusedError)"]
