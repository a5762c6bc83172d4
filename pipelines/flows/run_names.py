"""What flow runs are called."""

from __future__ import annotations

from pathlib import Path

from prefect.runtime import flow_run


def problem_of_run() -> str:
    """The problem that the run is about: of a file its name, wherever it lies."""
    return Path(str(flow_run.parameters["problem"])).stem
