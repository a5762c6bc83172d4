"""What every tool is told by its environment: where things are, and that nothing phones home."""

from __future__ import annotations

import os

from pipelines.core.settings import Settings
from pipelines.stack.processes import HELPER

# DO_NOT_TRACK wants the word: with `1` MLflow still looks a host up.
QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "1",
    "SCARF_NO_ANALYTICS": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


def tool_environment(settings: Settings, prefect_api: str | None = None) -> dict[str, str]:
    """The variables that MLflow, Prefect, DVC and Evidently need; Prefect runs in process without `prefect_api`.

    >>> tool_environment(Settings(home="/srv/ratchet"))["PREFECT_HOME"]
    '/srv/ratchet/prefect'
    """
    values = {
        **QUIET,
        "PREFECT_HOME": str(settings.home / "prefect"),
        "PREFECT_PROFILES_PATH": str(settings.home / "prefect" / "profiles.toml"),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        # Two cores: a run is looked for every two seconds instead of ten.
        "PREFECT_RUNNER_POLL_FREQUENCY": "2",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_CLI_PROMPT": "false",
    }
    return {**values, "PREFECT_API_URL": prefect_api} if prefect_api else values


def ratchet_environment(settings: Settings) -> dict[str, str]:
    """These settings as `RATCHET_*` variables, for a child process that must see the same ones.

    >>> ratchet_environment(Settings(home="/srv/ratchet"))["RATCHET_HOME"]
    '/srv/ratchet'
    """
    values = settings.model_dump(mode="json")
    return {f"RATCHET_{name.upper()}": str(value) for name, value in values.items() if value is not None}


def child_environment(settings: Settings, extra: dict[str, str]) -> dict[str, str]:
    """The whole environment of a process of the stack: ours wins over what the shell says."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RATCHET_")}
    kept.pop("PREFECT_API_URL", None)  # a shell's Prefect profile is not ours
    kept.pop(HELPER, None)  # the stack outlives the command that starts it
    return {**kept, **tool_environment(settings), **ratchet_environment(settings), "PYTHONUNBUFFERED": "1", **extra}
