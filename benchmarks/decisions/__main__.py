"""`python -m benchmarks.decisions`: how often the gate is wrong, in duels whose truth is known.

Prints the tables, keeps them in benchmarks/results as JSON and Markdown, and renews docs/how-often-wrong.md. `--quick`
is for whoever tunes the gate: fewer duels, no large tables, nothing is kept.
"""

from __future__ import annotations

import argparse
import sys
import time

from benchmarks.decisions.campaign import asked, campaign
from benchmarks.decisions.questions import Question
from benchmarks.decisions.report import as_json, page, text
from benchmarks.decisions.shapes import Shape
from benchmarks.machine import ROOT, keep, machine

PAGE = ROOT / "docs" / "how-often-wrong.md"
_PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas", "mlflow")


def main() -> int:
    """Fight, print the tables, keep the result."""
    parser = argparse.ArgumentParser(prog="benchmarks.decisions", description=__doc__.split("\n")[0])
    parser.add_argument("--duels", type=int, default=1_000, help="per question and shape")
    parser.add_argument("--quick", action="store_true", help="a tenth of the duels, no large tables; nothing is kept")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    given = parser.parse_args()
    duels = max(given.duels // 10, 1) if given.quick else given.duels
    about = {**machine(_PACKAGES), "duels": duels, "jobs": given.jobs, "seed": 0}
    order: list[tuple[Shape, Question]] = asked(given.quick)
    started, found = time.monotonic(), []
    for tally in campaign(duels, given.jobs, given.quick):
        found.append(tally)
        print(f"{len(found)} of {len(order)}: {tally.shape.name}: {tally.question.kind}", file=sys.stderr)  # noqa: T201
    found.sort(key=lambda one: order.index((one.shape, one.question)))
    about["seconds"] = round(time.monotonic() - started)
    print(text(found))  # noqa: T201
    if not given.quick:
        keep("decisions", as_json(about, found), page(about, found), PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
