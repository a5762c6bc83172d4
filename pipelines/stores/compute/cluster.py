"""The door to Dask: pieces of work done by processes on other machines, what they share sent once.

The same functions run on the same values, so what comes back is what this process would have found: whoever runs other
code is refused. Nothing of Dask is imported unless the settings name a scheduler.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from pipelines.core.errors import ProblemError, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.code_version import code_version
from pipelines.stores.compute.cluster_watch import PATIENCE, Watch
from pipelines.stores.compute.cluster_work import (
    ADVICE,
    TOPIC,
    Shared,
    Work,
    call_with_folder,
    require_code,
    worker_facts,
)

Given = TypeVar("Given")
Found = TypeVar("Found")
Listener = Callable[..., None]

_BEAT = 0.2  # seconds between two looks at what the workers tell
_LOCAL = "local:"


@contextmanager
def open_cluster(settings: Settings) -> Iterator[Cluster | None]:
    """The cluster that the settings name, None where they name none; left, it forgets what it was given.

    Unavailable when the scheduler does not answer, has no worker, or workers do not reach each other; ProblemError when
    they run other code.
    """
    if settings.dask is None:
        yield None
        return
    import dask
    import distributed  # noqa: F401 - its defaults must be there before one of them is changed, and changed back

    # Items travel with their task, so that the scheduler can send them anew when a worker dies.
    with (
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "100GB"}),
        _connect(settings.dask) as client,
    ):
        cluster = Cluster(client, settings.dask)
        cluster.require_same_code()
        cluster.watch.require_ways()
        yield cluster


def local_options(address: str) -> dict[str, Any] | None:
    """What Dask's LocalCluster is made with for `local:N`, one thread for each process; None for a scheduler's address.

    ProblemError where N is no number of processes.

    >>> local_options("local:4")["n_workers"]
    4
    """
    if not address.startswith(_LOCAL):
        return None
    count = address.removeprefix(_LOCAL)
    if not count.isdecimal() or int(count) < 1:
        raise ProblemError(f"RATCHET_DASK {address!r}: write local: and a number of processes, such as local:4")
    return {"n_workers": int(count), "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}


@contextmanager
def _connect(address: str) -> Iterator[Any]:
    """A client of the scheduler at `address`, or of processes of our own (`local:N`)."""
    from distributed import Client, LocalCluster

    options = local_options(address)
    if options is not None:
        # What goes wrong is told by whoever asked for it.
        with (
            LocalCluster(**options, silence_logs=logging.CRITICAL) as processes,
            Client(processes, set_as_default=False) as client,
        ):
            yield client
        return
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:  # no answer, or no address
        raise Unavailable(
            f"no Dask scheduler answers at {address} ({error}): check RATCHET_DASK, or unset it to compute here"
        ) from error
    with _quiet(), client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as error:
            raise Unavailable(
                f"the Dask scheduler at {address} has no worker: start some with `dask worker {address} --nthreads 1`"
            ) from error
        yield client


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what Dask's client logs of a scheduler that goes away: whoever waits for it is told."""
    log = logging.getLogger("distributed.client")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


_END: Any = object()


class Cluster:
    """Workers that a scheduler knows. A worker that dies is no harm: its work is done by another."""

    def __init__(self, client: Any, address: str) -> None:
        self._client, self.address = client, address
        self.watch = Watch(client, address)
        self._code = code_version().digest
        self._heard: SimpleQueue[tuple[Any, ...]] = SimpleQueue()

    @property
    def processes(self) -> int:
        """How many pieces of work can be done at once: one in each worker process, whatever its threads."""
        return max(1, len(self.watch.workers()))

    def facts(self) -> dict[str, Any]:
        """By worker: its code's digest and Python's version. Unavailable where the scheduler does not reach one."""
        found = self.watch.everybody(worker_facts)
        self.watch.require_reached(found)
        return found

    def require_same_code(self) -> None:
        """ProblemError names the worker whose code or libraries are others than those of this process."""
        try:
            found = self.facts()
        except (ImportError, AttributeError) as error:
            raise ProblemError(f"the Dask workers of {self.address} cannot run Ratchet ({error}); {ADVICE}") from error
        for worker, facts in sorted(found.items()):
            require_code(facts["code"], self._code, f"the Dask worker {worker}")

    def everywhere(self, function: Callable[[Path], Any]) -> None:
        """Call a function once in each worker process, with the folder that all workers of its machine share.

        Whoever does not answer is left out.
        """
        with suppress(Unavailable):
            self.watch.everybody(call_with_folder, function)

    def share(self, value: Any) -> Shared:
        """`value` where the workers are, sent once."""
        return Shared(self._client, value)

    def begin(self, function: Callable[[Any, Given], Found], shared: Shared, item: Given) -> Work[Found]:
        """`function(shared, item)` begun on some worker; the function is found there by its name."""
        return Work(self._client, shared, (function, item, self._code), self.watch)

    def each(
        self,
        function: Callable[[Any, Given], Found],
        shared: Shared,
        items: Iterable[Given],
        ahead: int | None = None,
        listener: Listener | None = None,
    ) -> Iterator[Found]:
        """`function(shared, item)` of each item, in their order; at most `ahead` items are on their way at a time.

        `listener` is called, in this thread, with what the functions `say`.
        """
        rest, begun = iter(items), deque[Work[Found]]()
        most = ahead or 2 * self.processes
        with self._hearing(listener):
            try:
                while True:
                    while len(begun) < most and (item := next(rest, _END)) is not _END:
                        begun.append(self.begin(function, shared, item))
                    if not begun:
                        return
                    while not begun[0].done(_BEAT):
                        self._relay(listener)
                        self.watch.look()
                    self._relay(listener)
                    yield begun.popleft().result()
            finally:
                for work in begun:
                    work.forget()

    @contextmanager
    def _hearing(self, listener: Listener | None) -> Iterator[None]:
        if listener is None:
            yield
            return
        self._client.subscribe_topic(TOPIC, lambda event: self._heard.put(event[1]))
        try:
            yield
        finally:
            self._client.unsubscribe_topic(TOPIC)

    def _relay(self, listener: Listener | None) -> None:
        while listener is not None:
            try:
                listener(*self._heard.get_nowait())
            except Empty:
                return
