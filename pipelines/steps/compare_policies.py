"""Compare policies: each lives through the same windows, and shares its trainings with the others."""

from __future__ import annotations

import multiprocessing
import os
import threading
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from queue import Empty
from typing import Any

from pipelines.core.backtesting.aftermath import aftermath
from pipelines.core.backtesting.loop import Replay
from pipelines.core.backtesting.outcomes import PolicyOutcome
from pipelines.core.backtesting.policies import Policy
from pipelines.core.errors import Unavailable
from pipelines.steps.policy_rehearsal import Progress, Rehearsal
from pipelines.steps.spread_policies import spread_policies
from pipelines.steps.train_as_of import TrainingRoom
from pipelines.stores.compute.cluster import Cluster

_BEAT = 0.2  # seconds between two looks at what the processes tell
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def compare_policies(
    rehearsal: Rehearsal, policies: Sequence[Policy], jobs: int, progress: Progress, cluster: Cluster | None = None
) -> list[PolicyOutcome]:
    """The outcome of each policy, in their order; with `jobs` above one each has a process of its own, with a
    `cluster` one of its processes.

    Unavailable when a process is killed: what was trained is kept, and the same call goes on from there.
    """
    # Whoever trains most begins first; who never trains ends the queue.
    first = sorted(range(len(policies)), key=lambda place: idle(policies[place]))
    if cluster is not None:
        found = spread_policies(cluster, rehearsal, [policies[place] for place in first], live, progress)
        return [one for _, one in sorted(zip(first, found, strict=True), key=lambda pair: pair[0])]
    jobs = min(jobs, len(policies))
    if jobs <= 1:
        return [live(rehearsal, one, progress) for one in policies]
    context = multiprocessing.get_context("spawn")
    told: Any = context.Queue()
    with one_thread_each(), ProcessPoolExecutor(jobs, context, _receive, (rehearsal, told)) as pool:
        futures: dict[int, Future[PolicyOutcome]] = {place: pool.submit(_live, policies[place]) for place in first}
        try:
            pending = set(futures.values())
            while pending:
                done, pending = wait(pending, timeout=_BEAT)
                _relay(told, progress)
                for one in done:
                    one.result()  # one that failed ends them all
        except BrokenProcessPool as error:
            raise Unavailable("a process of the backtest was killed: run it again, it goes on from there") from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        _relay(told, progress)
        return [futures[place].result() for place in range(len(policies))]


def live(rehearsal: Rehearsal, policy: Policy, progress: Progress) -> PolicyOutcome:
    """One policy from the first window to the last."""
    total = len(rehearsal.spans)
    trainer = TrainingRoom(rehearsal.loaded, rehearsal.room)
    replay = Replay(rehearsal.loaded.problem, policy, rehearsal.traffic, trainer)
    replay.run(rehearsal.spans, lambda done, text: progress(policy.name, done, total, text))
    return PolicyOutcome(
        name=policy.name,
        policy=policy.retraining.model_dump(mode="json"),
        task=rehearsal.traffic.contract.task,
        windows=tuple(replay.windows),
        trainings=tuple(replay.trainings),
        watch_seconds=replay.watch_seconds,
        aftermath=tuple(aftermath(replay)),
    )


def idle(policy: Policy) -> bool:
    """Whether it never trains again by itself."""
    one = policy.retraining
    return not one.on and one.every is None and one.growth is None and one.schedule is None


_received: list[Any] = []  # of this process: the rehearsal and the queue, which would be sent with every policy else


def _receive(rehearsal: Rehearsal, told: Any) -> None:
    warnings.simplefilter("ignore")  # third parties' deprecations; the tests run policies in their own process
    _received[:] = [rehearsal, told]
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A year under one policy takes minutes: a process whose backtest was killed would live through it for nothing."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _live(policy: Policy) -> PolicyOutcome:
    rehearsal, told = _received
    return live(rehearsal, policy, lambda *words: told.put(words))


def _relay(told: Any, progress: Progress) -> None:
    """Hand on what the processes have told."""
    while True:
        try:
            progress(*told.get_nowait())
        except Empty:
            return


@contextmanager
def one_thread_each() -> Iterator[None]:
    """One thread for each process that is started within: two that share two cores only wait for each other."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
