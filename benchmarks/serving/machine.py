"""Where and with what a run was made, and how the service was measured."""

from __future__ import annotations

from typing import Any

from benchmarks.machine import machine
from benchmarks.serving.environments import pinned
from benchmarks.serving.release import Release

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


def about(release: Release, rounds: int, seconds: float) -> dict[str, Any]:
    """Machine, versions, and how it was measured."""
    return {
        **machine(_OURS),
        "trained_by": release.version,
        "compiled": release.compiled,
        "rounds": rounds,
        "seconds": seconds,
        "peers": {peer: pinned(peer) for peer in PEERS},
    }
