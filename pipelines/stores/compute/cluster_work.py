"""Pieces of work on a Dask cluster: what they share, what they give back, and what they say while they run."""

from __future__ import annotations

import platform
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any, Generic, TypeVar

import cloudpickle

from pipelines.core.errors import ProblemError, Unavailable
from pipelines.stores.code_version import code_version
from pipelines.stores.compute.cluster_watch import PATIENCE, Watch

Found = TypeVar("Found")

TOPIC = "ratchet"
ADVICE = "start the workers where this very version of Ratchet and its libraries are installed"
_ONE_AT_A_TIME = threading.Lock()  # limits on threads and filters of warnings are the process's, not a thread's


class Shared:
    """A value on the workers; the scheduler keeps it as bytes, and gives it anew when the workers that had it die."""

    def __init__(self, client: Any, value: Any) -> None:
        self.sent = client.submit(_loaded, cloudpickle.dumps(value), pure=False)


class Work(Generic[Found]):
    """One piece of work on its way; `result` waits for it."""

    def __init__(self, client: Any, shared: Shared, what: tuple[Any, ...], watch: Watch) -> None:
        self._client, self._watch = client, watch
        # As bytes: the scheduler has no use for what is in them.
        self._future = client.submit(_work, shared.sent, cloudpickle.dumps(what), pure=False)

    def done(self, patience: float) -> bool:
        """Whether it is done, or becomes so within `patience` seconds."""
        from distributed import TimeoutError as Late
        from distributed import wait

        try:
            with self._client.as_current():
                wait([self._future], timeout=patience)
        except Late:
            return False
        except CancelledError:  # `result` says what is wrong
            return True
        return True

    def result(self) -> Found:
        """What the function gave, or its error. Unavailable when workers die of it, or it is of no use to wait on."""
        from distributed import TimeoutError as Late

        while not self.done(PATIENCE):
            self._watch.look()
        while True:
            try:
                return self._fetched(PATIENCE)
            except Late:
                if self._future.status == "error":  # the work's own
                    raise
                self._watch.look()

    def _fetched(self, patience: float) -> Found:
        from distributed import KilledWorker
        from distributed.comm import CommClosedError

        address = self._watch.address
        try:
            found: Found = self._future.result(timeout=patience)
        except KilledWorker as error:
            raise Unavailable(
                f"the Dask workers of {address} die of what they are given (is their memory enough?): {error}"
            ) from error
        except (CancelledError, CommClosedError) as error:
            if self._future.status == "error":  # the work's own
                raise
            raise Unavailable(f"the Dask scheduler at {address} is gone, with the work: run it again") from error
        return found

    def forget(self) -> None:
        """Nobody waits for it any more."""
        self._future.cancel()


def say(*words: Any) -> None:
    """Tell the process that gave this work; its listener gets the words."""
    from distributed import get_worker

    get_worker().log_event(TOPIC, words)


def machine_folder() -> Path:
    """On a worker: a folder that all workers of its machine share, on the disk that they were given."""
    from distributed import get_worker

    return Path(get_worker().local_directory).parent


def call_with_folder(function: Callable[[Path], Any], dask_worker: Any) -> None:
    """Beside the work of a worker, which Dask hands in by that name: `function(folder)`, with its machine's folder."""
    function(Path(dask_worker.local_directory).parent)


def _loaded(content: bytes) -> Any:
    return cloudpickle.loads(content)


def _work(shared: Any, what: bytes) -> Any:
    """On a worker: the work itself, if this is the code that it was meant for."""
    function, item, code = cloudpickle.loads(what)
    require_code(code_version().digest, code, f"the Dask worker on {platform.node()}")
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # third parties' deprecations are no news in a worker's log
        return function(shared, item)


def worker_facts() -> dict[str, Any]:
    """What a worker is."""
    return {"code": code_version().digest, "python": platform.python_version(), "version": code_version().version}


def require_code(found: str, wanted: str, whose: str) -> None:
    """ProblemError where somebody's code is not the wanted one."""
    if found != wanted:
        raise ProblemError(f"{whose} runs other code ({found[:12]}, this is {wanted[:12]}): {ADVICE}")
