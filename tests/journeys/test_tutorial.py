"""The tutorial, run as it is written."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"


@pytest.mark.journey
def test_every_block_of_the_tutorial_works(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    blocks = re.findall(r"```bash\n(.*?)```", TUTORIAL.read_text(), re.DOTALL)
    script = "set -e\n" + "\n".join(blocks).replace("8000", port)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RATCHET_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    run = subprocess.Popen(
        ["bash", "-c", script], cwd=tmp_path, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        shown, _ = run.communicate(timeout=240)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)  # what the blocks left in the background, if one failed
    assert run.returncode == 0, shown[-3000:]
    assert "promote" in shown
    assert "prediction='Gentoo'" in shown
    assert "Rejected(row=1, id='no-such-id'" in shown
    assert "('Gentoo',)" in shown
    assert "bill_length_mm" in shown
    assert "422" in shown or "no number" in shown
    assert len((tmp_path / "scored.csv").read_text().splitlines()) == 345
