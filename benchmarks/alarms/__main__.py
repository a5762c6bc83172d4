"""`python -m benchmarks.alarms`: how often the alarms are wrong, on streams whose true loss is known.

Prints the tables, keeps them in benchmarks/results as JSON and Markdown, and renews docs/how-often-alarmed.md.
`--quick` is for whoever tunes the tests: a tenth of the seeds, nothing is kept.
"""

from __future__ import annotations

import argparse
import sys
import time

from benchmarks.alarms.campaign import asked, campaign
from benchmarks.alarms.report import as_json, page, text
from benchmarks.alarms.streams import STREAMS
from benchmarks.machine import ROOT, keep, machine

PAGE = ROOT / "docs" / "how-often-alarmed.md"
_PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas", "evidently")


def main() -> int:
    """Watch, print the tables, keep the result."""
    parser = argparse.ArgumentParser(prog="benchmarks.alarms", description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=100, help="per stream")
    parser.add_argument("--quick", action="store_true", help="a tenth of the seeds; nothing is kept")
    parser.add_argument("--stream", choices=list(STREAMS), metavar="NAME", help="one stream alone; nothing is kept")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    given = parser.parse_args()
    seeds = max(given.seeds // 10, 1) if given.quick else given.seeds
    jobs = asked(seeds, given.stream)
    about = {**machine(_PACKAGES), "seeds": seeds, "jobs": given.jobs}
    started, found = time.monotonic(), []
    for done, each in enumerate(campaign(jobs, given.jobs), start=1):
        found += each
        if done % 100 == 0:
            print(f"{done} of {len(jobs)}", file=sys.stderr)  # noqa: T201
    found.sort(key=lambda one: (list(STREAMS).index(one.stream), one.seed, one.length))
    about["seconds"] = round(time.monotonic() - started)
    print(text(found))  # noqa: T201
    if not given.quick and given.stream is None:
        keep("alarms", as_json(about, found), page(about, found), PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
