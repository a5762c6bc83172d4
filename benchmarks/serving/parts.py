"""The parts of the comparison, each by itself: for whoever tunes the service, and for a machine that is busy.

CPU times hold roughly on a busy machine, those of `path` best; latencies and rates do not.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.serving import apart, full
from benchmarks.serving.environments import environment_of
from benchmarks.serving.load import request_bytes, write_bodies
from benchmarks.serving.ours import check_guarded, columnar, make_key, ratchet
from benchmarks.serving.peers import hello, mlflow
from benchmarks.serving.release import PLACE, ROOT, Release
from benchmarks.serving.rounds import Case, measure
from benchmarks.serving.servers import NotServing, Server, running
from benchmarks.serving.statistics import ratio
from benchmarks.serving.tables import Table, measured, number
from benchmarks.serving.unwired import Plan

Part = Callable[[Release, apart.Pace], Table]
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def path(release: Release, pace: apart.Pace) -> Table:
    """CPU per request without a network: ours, and FastAPI that only greets."""
    ours, floor = ratchet(release, make_key(release)), hello()
    environment = {**ours.environment, **_ONE_THREAD}
    greeting = _unwired(environment_of("hello"), str(floor.folder), floor, 1, {}, pace)
    rows = [("hello-world FastAPI, 16 clients", *map(number, greeting.values()), "1.00x")]
    for title, server, clients, count in (
        ("Ratchet, 16 clients", ours, 16, 1),
        ("Ratchet, 1 client", ours, 1, 1),
        ("1,000 rows of JSON", ours, 1, 1_000),
        ("1,000 rows of Arrow", columnar(ours, release, "arrow"), 1, 1_000),
    ):
        found = _unwired(Path(sys.executable), "ratchet", server, count, environment, pace, clients)
        times = number(ratio(found["process_us"], greeting["process_us"]))
        rows.append((title, *map(number, found.values()), f"{times}x"))
    return Table("path", ("CPU without a network, least of the rounds", "loop µs", "process µs", "of hello"), rows)


def single(release: Release, pace: apart.Pace) -> Table:
    """One row per request: ours beside FastAPI that only greets."""
    return _compare(release, pace, [Case(clients, seconds=pace.seconds) for clients in full.CLIENTS], hello)


def many(release: Release, pace: apart.Pace) -> Table:
    """A thousand rows of JSON per request: ours beside `mlflow models serve`."""
    return _compare(release, pace, [Case(clients, 1_000, pace.seconds) for clients in (1, 4)], lambda: mlflow(release))


def tables(release: Release, pace: apart.Pace) -> Table:
    """Arrow and Parquet bodies beside the same work in process."""
    with running(ratchet(release, make_key(release))) as one:
        found = apart.columnar_costs(one, release, pace)
    rows = [
        (f"{one.rows:,} rows of {one.format}", number(one.in_process_ms), number(one.service_ms),
         number(ratio(one.service_ms, one.in_process_ms)))
        for one in found
    ]  # fmt: skip
    return Table("tables", ("columnar", "in process, CPU ms", "service, CPU ms", "ratio"), rows)


def tail(release: Release, pace: apart.Pace) -> Table:
    """p50 and p99 at shares of the peak, 16 clients."""
    rows = []
    with running(ratchet(release, make_key(release))) as one:
        one.load(16, 1.0)
        for share in (0.3, 0.5, 0.7):
            found = apart.tail(one, pace, share)
            told = ("–", "–", "–") if found is None else (*map(number, found), number(ratio(found[1], found[0])))
            rows.append((f"{share:.0%} of the peak", *told))
    return Table("tail", ("asked", "p50 ms", "p99 ms", "ratio"), rows)


def start(release: Release, pace: apart.Pace) -> Table:
    """Seconds to the first prediction, and megabytes."""
    server = ratchet(release, make_key(release))
    seconds = full.cold_start(server, pace.starts)
    with running(server) as one:
        one.load(16, pace.seconds)
        largest, _ = one.memory()
    return Table("start", ("cold start s", "MB"), [(number(seconds), number(largest))])


def workers(release: Release, pace: apart.Pace) -> Table:
    """Requests per second of one worker and of two."""
    one, two = apart.workers(release, make_key(release), pace)
    return Table("workers", ("one worker, requests/s", "two", "ratio"), [(number(one), number(two), number(two / one))])


PARTS: Mapping[str, Part] = {part.__name__: part for part in (path, single, many, tables, tail, start, workers)}
"""By the name that `--only` takes."""


def _compare(release: Release, pace: apart.Pace, cases: Sequence[Case], peer: Callable[[], Server]) -> Table:
    with contextlib.ExitStack() as stack:
        up = [stack.enter_context(running(one)) for one in (ratchet(release, make_key(release)), peer())]
        for one in up:
            full.check_scores(one, release)
        check_guarded(up[0])
        return measured(measure(up, cases, pace.rounds))


def _unwired(
    python: Path, name: str, server: Server, rows: int, settings: Mapping[str, str], pace: apart.Pace, clients: int = 16
) -> dict[str, float]:
    file = PLACE / f"unwired-{server.name}-{rows}.bin"
    turns = 512 if rows == 1 else 4
    bodies = [server.encode(range(turn * rows, (turn + 1) * rows)) for turn in range(turns)]
    write_bodies([request_bytes(server.path, body, server.headers) for body in bodies], file)
    plan = json.dumps(vars(Plan(name, str(file), clients, max(int(pace.rounds * 300 / rows**0.3), 50))))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings}
    done = subprocess.run(
        [str(python), str(ROOT / "benchmarks" / "serving" / "unwired.py")], cwd=ROOT, capture_output=True, text=True,
        env=environment, input=plan, check=False,
    )  # fmt: skip
    if done.returncode:
        raise NotServing(f"{server.title} cannot be driven in process: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout))
