"""Where and with what a run was made: without that its figures say nothing."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
_MARK = "<!-- measured -->"


def machine(packages: Iterable[str]) -> dict[str, Any]:
    """When, on what and with which versions of these packages a run is made.

    >>> sorted(machine(["numpy"])["versions"])
    ['numpy']
    """
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or None,
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "load_before": os.getloadavg()[1],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in packages},
    }


def keep(name: str, told: Any, page: str, document: Path | None = None) -> None:
    """Write benchmarks/results/NAME.json and .md, and the page once more below the mark of a document."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(told, indent=1) + "\n")
    (RESULTS / f"{name}.md").write_text(page)
    if document is not None:
        document.write_text(renewed(document.read_text(), page))


def renewed(document: str, measured: str) -> str:
    """The document with what follows its mark in place of an earlier run's.

    >>> renewed("Text\\n\\n<!-- measured -->\\nold", "new\\n")
    'Text\\n\\n<!-- measured -->\\n\\nnew\\n'
    """
    before, mark, _ = document.partition(_MARK)
    return f"{before}{mark}\n\n{measured}"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
