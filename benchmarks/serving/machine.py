"""Where and with what a run was made: without that its figures say nothing."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from benchmarks.serving.environments import pinned
from benchmarks.serving.release import ROOT, Release

_OURS = (
    "scikit-learn",
    "numpy",
    "pandas",
    "lightgbm",
    "fastapi",
    "uvicorn",
    "uvloop",
    "httptools",
    "orjson",
    "pyarrow",
)
PEERS = ("mlflow", "mlserver", "bentoml", "hello")


def about(release: Release, rounds: int, seconds: float, compiled: bool) -> dict[str, Any]:
    """Machine, versions, and how it was measured."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or None,
        "trained_by": release.version,
        "compiled": compiled,
        "rounds": rounds,
        "seconds": seconds,
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "load_before": os.getloadavg()[1],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in _OURS},
        "peers": {peer: pinned(peer) for peer in PEERS},
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
