"""The short run: ours, compiled and not, beside hello-world FastAPI; for whoever tunes the service."""

from __future__ import annotations

import contextlib

from benchmarks.serving.apart import Pace
from benchmarks.serving.full import check_scores
from benchmarks.serving.ours import check_guarded, generic, make_key, ratchet
from benchmarks.serving.peers import hello
from benchmarks.serving.release import open_release
from benchmarks.serving.rounds import Case, measure
from benchmarks.serving.servers import running
from benchmarks.serving.tables import measured, plain


def quick(retrain: bool, pace: Pace) -> None:
    """Single rows from 1, 16 and 64 clients, and 1,000 rows."""
    release = open_release(retrain)
    key = make_key(release)
    rounds = min(pace.rounds, 3)
    with contextlib.ExitStack() as stack:
        up = [stack.enter_context(running(one)) for one in (ratchet(release, key), generic(release, key), hello())]
        for one in up:
            check_scores(one, release)
        for one in up[:2]:
            check_guarded(one)
        found = measure(up, [Case(clients, seconds=pace.seconds) for clients in (1, 16, 64)], rounds)
        found += measure(up[:2], [Case(1, 1_000, pace.seconds)], rounds)
        print(plain(measured(found)))  # noqa: T201
        for one in up:
            largest, _ = one.memory()
            print(f"{one.server.title}: first answer after {one.started_in:.2f} s, {largest:.0f} MB")  # noqa: T201
