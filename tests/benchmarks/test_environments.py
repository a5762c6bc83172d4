from __future__ import annotations

from importlib import metadata

import pytest

from benchmarks.serving.environments import pinned
from benchmarks.serving.machine import PEERS


@pytest.mark.parametrize("peer", PEERS)
def test_peers_run_on_our_versions(peer: str) -> None:
    """Else the comparison would be one of libraries."""
    versions = pinned(peer)
    shared = set(versions) & {"scikit-learn", "numpy", "pandas", "fastapi", "uvicorn", "uvloop", "httptools", "mlflow"}
    assert shared
    assert {name: versions[name] for name in shared} == {name: metadata.version(name) for name in shared}
