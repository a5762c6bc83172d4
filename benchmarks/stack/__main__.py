"""`python -m benchmarks.stack`: the running Compose stack under load, by its published port.

Start it first (`docker compose --profile demo up -d --wait`): something has to be served. Prints the tables and keeps
them in benchmarks/results. The log is filled with rows of the past, which stay: use a project of its own. `--quick`: a
few seconds of each, 100,000 and 500,000 rows, and nothing is kept.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.machine import keep, machine
from benchmarks.stack.compose import NotThere, Project
from benchmarks.stack.growth import Grown, grow
from benchmarks.stack.loads import Client, Outcome
from benchmarks.stack.report import as_json, shortfalls, tables
from benchmarks.tables import markdown, plain

_TIMES = (1, 3, 10)
_PACKAGES = ("fastapi", "uvicorn", "SQLAlchemy", "psycopg")


def main() -> int:
    """Measure, print, keep; 1 where a floor is not kept, 2 where there is no stack."""
    given = _arguments()
    project = Project(given.project, tuple(given.compose.split()))
    try:
        with TemporaryDirectory(prefix="ratchet-bench-") as folder:
            peak, growing, grown = _measure(project, given, Path(folder))
    except NotThere as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    shown = tables(peak, growing, grown)
    print("\n\n".join(plain(one) for one in shown))  # noqa: T201
    missed = shortfalls(growing, grown)
    print("\n".join(missed) or "every floor is kept")  # noqa: T201
    if not given.quick:
        pages = [f"**{one.title}**\n\n{markdown(one)}\n" for one in shown]
        keep("stack", as_json(machine(_PACKAGES), peak, growing, grown), "\n".join(pages))
    return 1 if missed else 0


def _measure(project: Project, given: argparse.Namespace, folder: Path) -> tuple[Outcome, list[Outcome], list[Grown]]:
    """The peak, then growing traffic, then the growing log; with a key that is revoked at the end."""
    name = f"bench-{datetime.now(UTC):%Y%m%d%H%M%S}"
    made = json.loads(project.inside("worker", "ratchet", "keys", "create", name, "--scope", "admin", "--json"))
    seconds = 5.0 if given.quick else given.seconds
    try:
        with Client(project, project.port("proxy", 8000), made["key"], folder) as client:
            _known(client)
            model: dict[str, Any] = client.model(given.problem)
            client.load(model, 4, 3.0)  # what comes first is not counted
            _say(f"{model['problem']} {model['version']}: the peak")
            peak = client.load(model, given.clients, seconds)
            growing = _traffic(client, model, given.rate, seconds)
            sizes = [100_000, 500_000] if given.quick else given.rows
            grown = _log(client, model, sizes, given.block, seconds)
    finally:
        project.inside("worker", "ratchet", "keys", "revoke", name)
    return peak, growing, grown


def _traffic(client: Client, model: dict[str, Any], rate: float, seconds: float) -> list[Outcome]:
    found = []
    for times in _TIMES:
        _say(f"{rate * times:,.0f} requests a second")
        found.append(client.load(model, 16, seconds, rate * times))
    return found


def _log(client: Client, model: dict[str, Any], sizes: Sequence[int], block: int, seconds: float) -> list[Grown]:
    found = []
    for one in grow(client, model, sizes, block, datetime.now(UTC), seconds):
        _say(f"{one.rows:,} rows more in the log")
        found.append(one)
    return found


def _known(client: Client) -> None:
    """The key may be too new for a replica: wait until every one takes it."""
    import time

    good = 0
    for _ in range(200):
        good = good + 1 if client.http.get("/v1/models").is_success else 0
        if good == 10:
            return
        time.sleep(0.1)
    raise NotThere("the replicas do not take the key that was made for this run")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.stack", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--project", default="ratchet", help="the Compose project that runs")
    parser.add_argument("--compose", default="docker compose", help="how Compose is called")
    parser.add_argument("--problem", help="which is asked [default: the first that is served]")
    parser.add_argument("--clients", type=int, default=16, help="connections at the peak")
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second at 1x")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each load")
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000_000, 5_000_000, 20_000_000], help="of the log")
    parser.add_argument("--block", type=int, default=50, help="rows of a block that the log is filled with")
    parser.add_argument("--quick", action="store_true", help="a few seconds of each; nothing is kept")
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
