"""Where the processes of the stack answer: one record per process in `home/run/stack/`."""

from __future__ import annotations

import errno
import json
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.storage.files import write_json


@dataclass(frozen=True)
class Record:
    """A process that `up` started; `created` (epoch seconds) and `token` tell it from a later one with its pid."""

    name: str
    token: str
    pid: int | None
    created: float | None
    port: int | None
    url: str | None
    log: str


def run_folder(settings: Settings) -> Path:
    """Folder of the records; the prediction service keeps a note of its own one floor up."""
    return settings.home / "run" / "stack"


def log_folder(settings: Settings) -> Path:
    """Folder of the logs, one file per process."""
    return settings.home / "logs"


def read_record(settings: Settings, name: str) -> Record | None:
    """The record of one process, or None; a damaged one counts as none."""
    try:
        return Record(**json.loads((run_folder(settings) / f"{name}.json").read_text()))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None


def all_records(settings: Settings) -> list[Record]:
    """The record of every process, by name; other files in the folder are passed over."""
    names = sorted(file.stem for file in run_folder(settings).glob("*.json"))
    return [record for name in names if (record := read_record(settings, name)) is not None]


def write_record(settings: Settings, record: Record) -> None:
    """Keep a record, atomically."""
    run_folder(settings).mkdir(parents=True, exist_ok=True)
    write_json(run_folder(settings) / f"{record.name}.json", asdict(record))


def forget_record(settings: Settings, name: str) -> None:
    """Remove the record of a process that has ended."""
    (run_folder(settings) / f"{name}.json").unlink(missing_ok=True)


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now (a connection that is only timing out does not count)."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def choose_port(host: str, preferred: int, taken: frozenset[int] = frozenset()) -> int:
    """The preferred port, or any free one when it is busy, `taken` or 0.

    >>> choose_port("127.0.0.1", 0) > 0
    True
    """
    if preferred and preferred not in taken and is_free(host, preferred):
        return preferred
    while True:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((host, 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port


def url_of(host: str, port: int) -> str:
    """The address a person can open: a wildcard host is reached by loopback.

    >>> url_of("0.0.0.0", 5000)
    'http://127.0.0.1:5000'
    """
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def answers(url: str, timeout: float = 2.0) -> bool:
    """Whether a GET there is answered with 2xx."""
    import httpx

    try:
        # Not through a proxy of the environment: these addresses are ours.
        with httpx.Client(timeout=timeout, trust_env=False) as client:
            return client.get(url).is_success
    except httpx.HTTPError:
        return False


def wait_for(url: str, seconds: float) -> None:
    """Wait until a GET there is answered with 2xx; Unavailable after so many seconds."""
    limit = time.monotonic() + seconds
    while not answers(url):
        if time.monotonic() > limit:
            raise Unavailable(f"{url} does not answer after {seconds:.0f} s: `ratchet status` says what runs")
        time.sleep(0.1)


def live_prefect_api(settings: Settings) -> str | None:
    """The Prefect API to use: the setting's, else that of the running stack when it answers, else None (in process)."""
    if settings.prefect_url:
        return settings.prefect_url
    record = read_record(settings, "prefect")
    if record is None or record.url is None or not answers(f"{record.url}/api/health"):
        return None
    return f"{record.url}/api"
