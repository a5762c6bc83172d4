"""`python -m benchmarks.serving`: Ratchet's prediction service beside its peers, measured in one run.

Prints the tables with every floor, met or not, and keeps them in benchmarks/results as JSON and Markdown. It takes a
quarter of an hour on a machine that does nothing else; `--quick` is for whoever tunes the service, `--only NAME` is one
part of it in seconds (`path`, which counts CPU time without a network, on a busy machine too).
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.machine import keep
from benchmarks.serving.apart import Pace
from benchmarks.serving.full import full
from benchmarks.serving.parts import PARTS
from benchmarks.serving.quick import quick
from benchmarks.serving.release import open_release
from benchmarks.serving.report import page, text
from benchmarks.serving.tables import plain


def main() -> int:
    """Measure, print the tables, keep the result."""
    parser = argparse.ArgumentParser(prog="benchmarks.serving", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="ours and hello-world FastAPI only; nothing is kept")
    parser.add_argument("--only", choices=PARTS, help="one part of it; nothing is kept")
    parser.add_argument("--retrain", action="store_true", help="train the benchmark's model again with today's code")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn")
    asked = parser.parse_args()
    pace = Pace(asked.rounds, asked.seconds)
    if asked.only:
        print(plain(PARTS[asked.only](open_release(asked.retrain), pace)))  # noqa: T201
        return 0
    if asked.quick:
        quick(asked.retrain, pace)
        return 0
    found = full(asked.retrain, pace)
    print(text(found))  # noqa: T201
    keep("serving", found.as_json(), page(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
