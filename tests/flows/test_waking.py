from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pipelines.core.settings import Settings
from pipelines.flows.waking import begin_waking
from pipelines.stack.environment import tool_environment

WAKE = """
import sys
from pipelines.flows.waking import begin_waking
wait = begin_waking()
import pipelines.flows.training
wait()
from prefect.client.orchestration import get_client
with get_client(sync_client=True) as client:
    print(client.api_healthcheck())
"""


@pytest.mark.usefixtures("prefect_server")
def test_a_server_that_is_there_is_enough() -> None:
    begin_waking()()


def test_a_server_wakes_while_steps_are_imported(settings: Settings) -> None:
    (settings.home / "prefect").mkdir(parents=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-c", WAKE],
        env={**environment, **tool_environment(settings), "PREFECT_LOGGING_LEVEL": "WARNING"},
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    assert done.stdout == "None\n"  # no complaint
    assert "Traceback" not in done.stderr
    assert "ERROR" not in done.stderr
