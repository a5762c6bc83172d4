"""Which streams are watched, how often, by how many processes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from benchmarks.alarms.streams import STREAMS
from benchmarks.alarms.watches import LENGTHS, Watch, watch

_WITH_COLUMNS = 20
"""Of so many seeds, one is judged with its columns too: they warn, and alarm only by a column that is gone."""
_WITH_RIVALS = 4
"""Of so many seeds, one is judged by the rivals too: their rates are so high that few seeds tell them."""
_BROKEN = 5
"""Where a column breaks, one seed of so many is watched, always with its columns."""


@dataclass(frozen=True)
class Job:
    """One stream of one seed, in windows of every length."""

    stream: str
    seed: int
    columns: bool
    rivals: bool


def asked(seeds: int, only: str | None = None) -> list[Job]:
    """Every stream with every seed.

    >>> [(job.seed, job.columns) for job in asked(2, "quiet")]
    [(0, True), (1, False)]
    """
    jobs = []
    for name, stream in STREAMS.items():
        if only in (None, name):
            every = range(0, seeds, _BROKEN if stream.broken else 1)
            jobs += [
                Job(name, seed, bool(stream.broken) or seed % _WITH_COLUMNS == 0, at % _WITH_RIVALS == 0)
                for at, seed in enumerate(every)
            ]
    return sorted(jobs, key=lambda job: not job.columns)  # the long ones first


def campaign(jobs: list[Job], processes: int) -> Iterator[list[Watch]]:
    """What came of each job, as they are finished; seeds are 0, 1, 2, ...: the same streams in every run."""
    with ProcessPoolExecutor(processes, initializer=_alone) as pool:
        waiting = [pool.submit(done, job) for job in jobs]
        for finished in as_completed(waiting):
            yield finished.result()


def done(job: Job) -> list[Watch]:
    """The job, done."""
    return watch(job.stream, job.seed, tuple(LENGTHS), job.columns, job.rivals)


def _alone() -> None:
    """One thread per process: the processes are the parallelism."""
    threadpool_limits(1)
