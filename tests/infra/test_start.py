"""infra/images/start.sh: a word alone is a role of the stack, a command is run as it is."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

START = Path(__file__).parents[2] / "infra" / "images" / "start.sh"


@pytest.mark.parametrize("command", ["prefect flow-run execute", "mlflow --version", "ratchet status"])
def test_a_command_that_begins_like_a_role_is_run_as_it_is(tmp_path: Path, command: str) -> None:
    program, *_ = command.split()
    (tmp_path / program).write_text('#!/bin/sh\necho "$(basename "$0") $*"\n')
    (tmp_path / program).chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", str(START), *command.split()], env=path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == command


def test_a_role_alone_needs_its_secret() -> None:
    done = subprocess.run(["sh", str(START), "prefect"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "/run/secrets/prefect_database_url" in done.stderr
