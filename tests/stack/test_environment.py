from __future__ import annotations

import pytest

from pipelines.core.settings import Settings
from pipelines.stack.environment import child_environment, ratchet_environment, tool_environment


def test_every_tool_is_told_to_be_quiet(settings: Settings) -> None:
    told = tool_environment(settings)
    assert told["DO_NOT_TRACK"] == "true"  # the word: MLflow looks a host up with "1"
    assert told["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert told["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert told["DVC_NO_ANALYTICS"] == "1"


def test_prefect_keeps_its_state_in_home(settings: Settings) -> None:
    told = tool_environment(settings)
    assert told["PREFECT_HOME"] == str(settings.home / "prefect")
    assert "PREFECT_API_URL" not in told
    assert tool_environment(settings, "http://here/api")["PREFECT_API_URL"] == "http://here/api"


def test_a_child_sees_the_same_settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = settings.model_copy(update={"poll_seconds": 0.25, "mlflow_url": "http://127.0.0.1:1"})
    for name, value in ratchet_environment(changed).items():
        monkeypatch.setenv(name, value)
    assert Settings() == changed


def test_what_the_shell_says_of_us_does_not_reach_a_child(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATCHET_DATABASE_URL", "sqlite:////elsewhere.db")
    monkeypatch.setenv("PREFECT_API_URL", "https://cloud.example/api")
    told = child_environment(settings, {"EXTRA": "1"})
    assert "RATCHET_DATABASE_URL" not in told
    assert "PREFECT_API_URL" not in told
    assert told["EXTRA"] == "1"
    assert told["RATCHET_HOME"] == str(settings.home)
