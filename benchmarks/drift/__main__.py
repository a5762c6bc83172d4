"""`python -m benchmarks.drift`: the cost of judging a window, beside Evidently on all of it and NannyML.

Prints the tables and keeps them in benchmarks/results. `--quick`: a tenth of the rows, and nothing is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.drift.costs import OURS, Cost, as_json, shortfalls, tables
from benchmarks.drift.full_window import write_log, write_tables
from benchmarks.machine import ROOT, keep, machine
from benchmarks.serving.environments import environment_of
from benchmarks.serving.servers import NotServing
from benchmarks.tables import markdown, plain

_PEERS = Path(__file__).parent / "peers"
_SMALL = 2_000
_PACKAGES = ("numpy", "pandas", "scipy", "evidently", "sqlalchemy")


def main() -> int:
    """Measure, print, keep; 1 where a floor is not kept."""
    parser = argparse.ArgumentParser(prog="benchmarks.drift", description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the window that all are given")
    parser.add_argument("--grow", type=int, nargs="*", default=[5, 20], help="times as many rows for ours alone")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows; nothing is kept")
    given = parser.parse_args()
    rows = given.rows // 10 if given.quick else given.rows
    about = machine(_PACKAGES)
    with TemporaryDirectory(prefix="ratchet-bench-") as place:
        costs = measure(Path(place), rows, given.grow)
    shown = tables(costs)
    print("\n\n".join(plain(one) for one in shown))  # noqa: T201
    missed = shortfalls(costs)
    print("\n".join(missed) or "every floor is kept")  # noqa: T201
    if not given.quick:
        pages = [f"**{one.title}**\n\n{markdown(one)}\n" for one in shown]
        keep("drift", as_json(about, costs), "\n".join(pages))
    return 1 if missed else 0


def measure(place: Path, rows: int, grow: list[int]) -> list[Cost]:
    """All contenders on one window, then ours on larger ones."""
    small = place / "small"
    small.mkdir()
    write_log(small / "log.db", _SMALL)
    write_tables(small, _SMALL)
    write_log(place / "log.db", rows)
    write_tables(place, rows)
    contender = [sys.executable, "-m", "benchmarks.drift.contender"]
    found = [_cost(OURS, rows, [*contender, "verdict", str(place)])]
    found.append(_cost("ours with its report", rows, [*contender, "report", str(place)]))
    found.append(_cost("Evidently", rows, [*contender, "evidently", str(place)]))
    try:
        python = environment_of("nannyml", _PEERS)
        found.append(_cost("NannyML", rows, [str(python), str(_PEERS / "nannyml" / "run.py"), str(place)]))
    except NotServing as error:
        found.append(Cost("NannyML", rows, note=str(error)[:80]))
    for times in grow:
        (place / "log.db").unlink()
        write_log(place / "log.db", rows * times)
        found.append(_cost(OURS, rows * times, [*contender, "verdict", str(place)]))
    return found


def _cost(who: str, rows: int, command: list[str]) -> Cost:
    """What one process measured of itself: the last line that it wrote."""
    print(f"{who}: {rows:,} rows", file=sys.stderr)  # noqa: T201
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **threads}, capture_output=True, text=True, check=False)
    if done.returncode:
        return Cost(who, rows, note=done.stderr.strip()[-80:].replace("\n", " "))
    return Cost(who, rows, **json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    sys.exit(main())
