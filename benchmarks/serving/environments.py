"""Each peer's own virtual environment, made by uv from the versions pinned beside the peer's code."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from benchmarks.serving.release import PLACE, ROOT
from benchmarks.serving.servers import NotServing

_FOLDER = Path(__file__).parent / "peers"


def environment_of(peer: str, folder: Path = _FOLDER) -> Path:
    """The Python of a peer's environment, made by uv from its requirements on first use; NotServing if that fails.

    `folder` holds the peers, each with its requirements.txt.
    """
    wanted = folder / peer / "requirements.txt"
    place = PLACE / peer / "venv"
    python, stamp = place / "bin" / "python", place / ".ready"
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return python
    print(f"installing {peer}", file=sys.stderr)  # noqa: T201
    uv = str(Path(sys.executable).with_name("uv"))
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(place)],
        [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), "-r", str(wanted)],
    ):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotServing(f"{peer} cannot be installed: {done.stderr.strip()[-500:]}")
    stamp.write_text(digest)
    return python


def pinned(peer: str) -> dict[str, str]:
    """The versions that a peer's requirements name."""
    lines = (_FOLDER / peer / "requirements.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if "==" in line)
