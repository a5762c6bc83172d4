"""What every test gets: no telemetry, few threads, a home of its own."""

from __future__ import annotations

import os

# Before any tool is imported: two cores are easily oversubscribed, and nothing phones home.
os.environ.update(
    {
        "OMP_NUM_THREADS": "1",
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DVC_NO_ANALYTICS": "1",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
    }
)

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from pipelines.core.settings import Settings

hypothesis_settings.register_profile(
    "ratchet", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("ratchet")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with a home of the test's own; RATCHET_HOME points there too."""
    for name in list(os.environ):
        if name.startswith("RATCHET_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RATCHET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RATCHET_REHEARSAL", "false")  # seconds per release: tests that are about it turn it on
    return Settings()


@pytest.fixture(scope="session")
def post_offices() -> Any:
    """tests/post_offices.py; test folders are no packages, so it is loaded by its path."""
    spec = importlib.util.spec_from_file_location("post_offices", Path(__file__).parent / "post_offices.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks itself up there
    spec.loader.exec_module(module)
    return module
