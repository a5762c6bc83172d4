"""`python -m services.console` as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import httpx
import pytest

from pipelines.core.settings import Settings

HEAVY = ("pandas", "sklearn", "scipy", "mlflow", "evidently", "prefect", "pyarrow", "duckdb", "lightgbm", "skops")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_says_where_it_listens_and_ends_when_told(settings: Settings, number: int) -> None:
    settings.home.mkdir(parents=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "services.console", "--port", "0"], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        assert httpx.get(f"{url}/healthz", trust_env=False).text == "ok"
        process.send_signal(number)
        assert process.wait(timeout=20) == 0
        process.stdout.close()
    finally:
        process.kill()
        process.wait()


def test_pages_need_no_tool_of_training() -> None:
    program = f"import sys, services.console.site; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
