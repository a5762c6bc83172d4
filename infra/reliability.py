"""`python infra/reliability.py`: writes what `make test-docker` measured last into docs/reliability.md."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "work" / "reliability.json"
PAGE = ROOT / "docs" / "reliability.md"
START, END = "<!-- figures -->", "<!-- /figures -->"


def table(figures: dict[str, Any]) -> str:
    """The figures as Markdown.

    >>> cost = {"answered": 9, "failed": 1, "longest_silence_s": 0.8, "recovered_s": 4.0}
    >>> print(table({"faults": {"kill proxy": cost}}).splitlines()[2])
    | kill proxy | 9 | 1 | 0.8 | 4.0 |
    """
    lines = ["| fault | requests answered | failed | longest silence, s | well again after, s |",
             "| --- | ---: | ---: | ---: | ---: |"]  # fmt: skip
    for fault, cost in figures.get("faults", {}).items():
        recovered = "" if cost["recovered_s"] is None else cost["recovered_s"]
        lines.append(f"| {fault} | {cost['answered']} | {cost['failed']} | {cost['longest_silence_s']} | {recovered} |")
    if kept := figures.get("acknowledged"):
        lines += ["", f"{kept['answers']:,} answers and {kept['labels']:,} labels were acknowledged meanwhile: "
                      f"{kept['lost']} lost, {kept['other']} other than they were given, {kept['unlabelled']} labels "
                      f"lost. {kept['failed']} requests failed, and were told so."]  # fmt: skip
    if sizes := figures.get("image_mb"):
        told = ", ".join(f"{name} {size:,} MB" for name, size in sizes.items())
        lines += ["", f"Images: {told}."]
    if "up_s" in figures:
        lines += [
            "",
            f"Build {figures['build_s']:.0f} s (with the layers that the machine had), cold start until all is healthy "
            f"{figures['up_s']:.0f} s.",
        ]
    return "\n".join(lines)


def renew(page: str, figures: dict[str, Any]) -> str:
    """The page with these figures in place of those that it has."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{table(figures)}\n{END}{after}"


if __name__ == "__main__":
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else FIGURES
    PAGE.write_text(renew(PAGE.read_text(), json.loads(source.read_text())))
