"""What the service is compared with itself for, or with its own work in process: peers are down meanwhile.

An idle peer still wakes up and has its pages in the caches. What is compared is measured in turns, like the peers.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.serving.findings import Columnar
from benchmarks.serving.load import write_bodies
from benchmarks.serving.ours import columnar, ratchet, table_rows
from benchmarks.serving.release import PLACE, ROOT, Release
from benchmarks.serving.rounds import say
from benchmarks.serving.servers import NotServing, Running, Server, running, turns
from benchmarks.serving.statistics import median, percentile

TABLES = tuple((format, rows) for rows in (1_000, 10_000) for format in ("arrow", "parquet"))


@dataclass(frozen=True)
class Pace:
    """How long it may take."""

    rounds: int = 5
    seconds: float = 2.0
    starts: int = 3


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


def lone_client(generic: Running, release: Release, pace: Pace) -> tuple[float, float]:
    """One row by the pipeline in process, and as a lone client of the generic path gets it, in milliseconds."""
    alone, served = [], []
    for _ in range(pace.rounds):
        alone.append(float(_in_process(release, {"lone": True})["lone_ms"]))
        served.append(percentile(generic.load(1, pace.seconds).latencies, 0.5))
    return median(alone), median(served)


def bare_json(one: Server, release: Release, pace: Pace) -> float:
    """Milliseconds of CPU time that a thousand rows of JSON cost with no look-ups, scoring or log."""
    file = PLACE / "json-1000.bin"
    write_bodies([one.encode(these) or b"" for these in turns(1_000)], file)
    return median([float(_in_process(release, {"json": str(file)})["json_ms"]) for _ in range(pace.rounds)])


def columnar_costs(one: Running, release: Release, pace: Pace) -> list[Columnar]:
    """Milliseconds of CPU time per table, in process and in the service; none for a format that is not served."""
    found = []
    for format, rows in TABLES:
        asked = replace(one, server=columnar(one.server, release, format))
        file = PLACE / f"table-{format}-{rows}.bin"
        write_bodies([table_rows(release, these, format) for these in turns(rows)], file)
        plan = {"table": {"format": format, "bodies": str(file)}}
        alone, served = [], []
        try:
            asked.load(1, 1.0, rows)
            for _ in range(pace.rounds):
                alone.append(float(_in_process(release, plan)["table_ms"]))
                served.append(asked.load(1, pace.seconds, rows).cost)
        except NotServing as error:
            say(f"{format}: {error}")
            continue
        say(f"{rows:,} rows of {format}: in process {median(alone):.2f} ms, in the service {median(served):.2f} ms")
        found.append(Columnar(format, rows, median(alone), median(served)))
    return found


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


def _in_process(release: Release, plan: dict[str, Any]) -> dict[str, Any]:
    """What the model costs without a service: it is asked about the very rows that the service is."""
    command = [sys.executable, "-m", "benchmarks.serving.inprocess"]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # as the service has
    environment = os.environ | threads | {"RATCHET_HOME": str(release.home)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, input=json.dumps(plan), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the model cannot be measured in process: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout))
