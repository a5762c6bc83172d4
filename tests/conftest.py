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

from pathlib import Path

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
