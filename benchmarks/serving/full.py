"""The whole comparison, in one run: everybody up at once, asked in turns; then what is compared with itself."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np

from benchmarks.serving.apart import Pace, bare_json, columnar_costs, lone_client, tail, workers
from benchmarks.serving.findings import Findings, Start
from benchmarks.serving.machine import about
from benchmarks.serving.ours import check_guarded, generic, make_key, ratchet
from benchmarks.serving.peers import bentoml, hello, mlflow, mlserver
from benchmarks.serving.release import Release, open_release
from benchmarks.serving.rounds import Case, measure, say
from benchmarks.serving.servers import NotServing, Running, Server, running
from benchmarks.serving.statistics import median

OURS = ("ratchet", "generic")
CLIENTS = (1, 16, 64)
TOLERANCE = 1e-9


def full(retrain: bool, pace: Pace) -> Findings:
    """Everything; a server that cannot be installed or does not start is left out and named."""
    release = open_release(retrain)
    key = make_key(release)
    skipped: dict[str, str] = {}
    wanted: dict[str, Callable[[], Server]] = {
        "ratchet": lambda: ratchet(release, key),
        "generic": lambda: generic(release, key),
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
        found += measure(scoring, [Case(clients, 1_000, pace.seconds) for clients in (1, 4)], pace.rounds)
    with running(ratchet(release, key)) as one:
        found_tail = tail(one, pace)
        tables = columnar_costs(one, release, pace)
        bare = bare_json(one.server, release, pace)
    with running(generic(release, key)) as one:
        lone = lone_client(one, release, pace)
    return Findings(
        measured=found,
        starts=starts,
        columnar=tables,
        tail=found_tail,
        lone=lone,
        bare_json_ms=bare,
        workers=workers(release, key, pace),
        skipped=skipped,
        about=about(release, pace.rounds, pace.seconds),
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
