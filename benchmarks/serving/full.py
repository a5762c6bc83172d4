"""The whole comparison, in one run: everybody up at once, asked in turns."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.serving.findings import Columnar, Findings, Start
from benchmarks.serving.load import write_bodies
from benchmarks.serving.machine import about
from benchmarks.serving.ours import check_guarded, columnar, make_key, ratchet, table_rows
from benchmarks.serving.peers import bentoml, hello, mlflow, mlserver
from benchmarks.serving.release import PLACE, ROOT, Release, open_release
from benchmarks.serving.rounds import Case, measure, say
from benchmarks.serving.servers import NotServing, Running, Server, running, turns
from benchmarks.serving.statistics import median, percentile

OURS = ("ratchet", "generic")
CLIENTS = (1, 16, 64)
TABLES = tuple((format, rows) for rows in (1_000, 10_000) for format in ("arrow", "parquet"))
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Pace:
    """How long it may take."""

    rounds: int = 5
    seconds: float = 2.0
    starts: int = 3


def full(retrain: bool, pace: Pace) -> Findings:
    """Everything; a server that cannot be installed or does not start is left out and named."""
    release = open_release(retrain)
    key = make_key(release)
    skipped: dict[str, str] = {}
    wanted: dict[str, Callable[[], Server]] = {
        "ratchet": lambda: ratchet(release, key),
        "generic": lambda: ratchet(release, key, "generic", "Ratchet, not compiled", RATCHET_COMPILE="off"),
        "mlflow": lambda: mlflow(release),
        "mlserver": lambda: mlserver(release, batched=False),
        "mlserver-batching": lambda: mlserver(release, batched=True),
        "bentoml": lambda: bentoml(release),
        "hello": hello,
    }
    servers = _usable(wanted, release, skipped)
    cold = {server.name: cold_start(server, pace.starts) for server in servers}
    with contextlib.ExitStack() as stack:
        up = [stack.enter_context(running(server)) for server in servers]
        scoring = [one for one in up if one.server.name != "hello"]
        found = measure(up, [Case(clients, seconds=pace.seconds) for clients in CLIENTS], pace.rounds)
        starts = [_start(one, cold[one.server.name]) for one in up]
        found += measure(scoring, [Case(1, 1_000, pace.seconds)], pace.rounds)
        compiled, generic = (next(one for one in up if one.server.name == name) for name in ("ratchet", "generic"))
        found_tail = tail(compiled, pace)
        lone = _lone_client(generic, pace)
        services = columnar_costs(compiled, release, pace)
    say("in process")
    alone = in_process(release)
    tables = [
        Columnar(format, rows, alone["tables"][f"{format}-{rows}"], services[format, rows]) for format, rows in services
    ]
    return Findings(
        measured=found,
        starts=starts,
        columnar=tables,
        tail=found_tail,
        lone=(alone["lone_ms"], lone),
        workers=workers(release, key, pace),
        skipped=skipped,
        about=about(release, pace.rounds, pace.seconds, alone["compiled"]),
    )


def _usable(wanted: dict[str, Callable[[], Server]], release: Release, skipped: dict[str, str]) -> list[Server]:
    """The servers that start and give the pipeline's own scores; the reason of each other one goes to `skipped`."""
    usable = []
    for name, make in wanted.items():
        try:
            server = make()
            with running(server) as one:
                check_scores(one, release)
                if name in OURS:
                    check_guarded(one)
            usable.append(server)
        except NotServing as error:
            if name in OURS:
                raise
            skipped[name] = str(error)
            say(f"left out: {name}: {error}")
    return usable


def check_scores(one: Running, release: Release) -> None:
    """NotServing when it does not answer what the pipeline gave in batch."""
    if one.server.read is None:
        return
    rows = range(300)
    off = float(np.abs(np.array(one.server.read(one.ask(rows))) - release.scores[: len(rows)]).max())
    say(f"{one.server.title}: {len(rows)} scores, off by {off:g} at most")
    if not off <= TOLERANCE:
        raise NotServing(f"{one.server.title} answers other scores than the pipeline: off by {off:g}")


def cold_start(server: Server, times: int) -> float:
    found = []
    for _ in range(times):
        with running(server) as one:
            found.append(one.started_in)
    say(f"{server.title}: first prediction after {median(found):.2f} s")
    return median(found)


def _start(one: Running, seconds: float) -> Start:
    return Start(one.server.name, one.server.title, seconds, *one.memory())


def tail(one: Running, pace: Pace, share: float = 0.7) -> tuple[float, float] | None:
    """p50 and p99 at a share of the peak, each client on a schedule of its own; None when it does not keep up.

    The peak is that of the very moment: on a shared machine the one of ten minutes ago may be more than it has now.
    """
    loads = []
    for _ in range(pace.rounds):
        asked = share * one.load(16, pace.seconds).rate
        load = one.load(16, pace.seconds * 2, rate=asked)
        loads.append((load.rate / asked, percentile(load.latencies, 0.5), percentile(load.latencies, 0.99)))
    kept_up, p50, p99 = (median(list(values)) for values in zip(*loads, strict=True))
    if kept_up < 0.95:
        say(f"{share:.0%} of the peak are more than it answers on a schedule: its p99 is not measured")
        return None
    return p50, p99


def _lone_client(one: Running, pace: Pace) -> float:
    loads = [one.load(1, pace.seconds) for _ in range(pace.rounds)]
    return median([percentile(load.latencies, 0.5) for load in loads])


def columnar_costs(one: Running, release: Release, pace: Pace) -> dict[tuple[str, int], float]:
    """Milliseconds of CPU time per request by format and rows; none for a format that is not served."""
    found: dict[tuple[str, int], float] = {}
    for format, rows in TABLES:
        asked = replace(one, server=columnar(one.server, release, format))
        try:
            asked.load(1, 1.0, rows)
            found[format, rows] = median([asked.load(1, pace.seconds, rows).cost for _ in range(pace.rounds)])
        except NotServing as error:
            say(f"{format}: {error}")
    return found


def in_process(release: Release) -> dict[str, Any]:
    """What the model costs without a service: it is asked about the very rows that the service is."""
    plan = {}
    for format, rows in TABLES:
        file = PLACE / f"table-{format}-{rows}.bin"
        write_bodies([table_rows(release, asked, format) for asked in turns(rows)], file)
        plan[f"{format}-{rows}"] = str(file)
    command = [sys.executable, "-m", "benchmarks.serving.inprocess"]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # as the service has
    environment = os.environ | threads | {"RATCHET_HOME": str(release.home)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, input=json.dumps(plan), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotServing(f"the model cannot be measured in process: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout))


def workers(release: Release, key: str, pace: Pace) -> tuple[float, float]:
    """Requests per second of one worker and of two, in turns."""
    rates: tuple[list[float], list[float]] = ([], [])
    with contextlib.ExitStack() as stack:
        up: Sequence[Running] = [
            stack.enter_context(running(ratchet(release, key, f"workers-{count}", RATCHET_WORKERS=str(count))))
            for count in (1, 2)
        ]
        for one in up:
            one.load(64, 1.0)
        for _ in range(pace.rounds):
            for place, one in enumerate(up):
                rates[place].append(one.load(64, pace.seconds).rate)
    return median(rates[0]), median(rates[1])
