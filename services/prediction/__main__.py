"""`python -m services.prediction`: the service as a process, on loopback unless told otherwise."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.core.settings import Settings

# Before NumPy is imported: one scorer thread with one-thread kernels; more threads make single rows slower.
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def main() -> int:
    """Serve until told to stop; requests that are on their way are answered and logged first."""
    os.environ.update(THREADS)
    # uvicorn drains on a signal and then raises it again: that ends the process, in order and as a success.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    from pipelines.core.settings import Settings

    settings = Settings()
    parser = argparse.ArgumentParser(prog="services.prediction", description=__doc__)
    parser.add_argument("--host", default=settings.host)
    parser.add_argument("--port", type=int, default=settings.service_port, help="0: any free port")
    asked = parser.parse_args()
    try:
        listener = _listen(asked.host, asked.port)
    except OSError as error:
        print(f"cannot listen on {asked.host}:{asked.port}: {error.strerror}; choose --port", file=sys.stderr)  # noqa: T201
        return 1
    _serve(settings, listener)
    return 0


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def _serve(settings: Settings, listener: socket.socket) -> None:
    import uvicorn

    from pipelines.stores.files import write_json
    from services.prediction.app import create_app

    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    address = {"url": f"http://{shown}:{port}", "pid": os.getpid(), "port": port}
    note = settings.home / "run" / "prediction.json"

    class Announced(uvicorn.Server):
        """Tells where it listens once it does."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                write_json(note, address)
                print(f"Ratchet predictions at {address['url']} (API: {address['url']}/docs)", flush=True)  # noqa: T201

    config = uvicorn.Config(
        create_app(settings),
        loop="uvloop",
        http="httptools",
        log_level=settings.log_level,
        access_log=False,
        server_header=False,
    )
    _log_plainly(settings.log_level)
    try:
        Announced(config).run(sockets=[listener])
    finally:
        _forget(note)


def _log_plainly(level: str) -> None:
    import logging

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("ratchet").setLevel(level.upper())


def _forget(note: Path) -> None:
    """The address is taken back, unless another process has written its own there."""
    from pipelines.core.errors import NotFound
    from pipelines.stores.files import read_json

    try:
        if read_json(note)["pid"] == os.getpid():
            note.unlink(missing_ok=True)
    except NotFound:
        pass


if __name__ == "__main__":
    sys.exit(main())
