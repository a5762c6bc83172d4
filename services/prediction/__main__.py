"""`python -m services.prediction`: the service as a process, on loopback unless told otherwise."""

from __future__ import annotations

import argparse
import math
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import uvicorn

    from pipelines.core.settings import Settings
    from pipelines.stores.registry.registry_reader import RegistryReader

# Before NumPy is imported: one scorer thread with one-thread kernels; more threads make single rows slower.
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def main() -> int:
    """Serve until told to stop; requests that are on their way are answered and logged first."""
    os.environ.update(THREADS)
    # uvicorn drains on a signal and then raises it again: that ends the process, in order and as a success.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    from pipelines.core.settings import Settings
    from services.prediction.guarding.json_logs import log_crashes, write_json_lines
    from services.prediction.process_memory import keep_memory

    keep_memory()
    settings = Settings()
    asked = _arguments(settings)
    # Where it really binds decides whether keys are needed.
    settings = settings.model_copy(update={"host": asked.host})
    write_json_lines(settings.log_level)
    log_crashes()
    if asked.worker is not None:
        return _work(settings, asked.worker)
    if asked.bundle is not None:
        return _show(settings, asked)
    return _open(settings, asked.port)


def _arguments(settings: Settings) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="services.prediction", description=__doc__)
    parser.add_argument("--host", help=f"address to bind to [default: RATCHET_HOST, now {settings.host}]")
    parser.add_argument("--port", type=int, default=settings.service_port, help="0: any free port")
    only = "serve the release in this folder alone, on loopback, without registry and keys; nothing is kept"
    parser.add_argument("--bundle", type=Path, metavar="FOLDER", help=only)
    parser.add_argument("--history", type=Path, metavar="FOLDER", help="history store of the release in --bundle")
    parser.add_argument("--tied", action="store_true", help="end when standard input ends")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.bundle is not None and asked.host not in (None, "127.0.0.1"):
        parser.error("--bundle asks for no keys and serves on 127.0.0.1 only")
    asked.host = asked.host or ("127.0.0.1" if asked.bundle is not None else settings.host)
    return asked


def _show(settings: Settings, asked: argparse.Namespace) -> int:
    """Serve one release from its folder."""
    from pipelines.core.errors import RatchetError
    from services.prediction.one_release import OneRelease, home_of_its_own

    try:
        reader = OneRelease(asked.bundle)
    except RatchetError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    if asked.tied:
        from services.prediction.one_release import end_with_input

        end_with_input()
    with home_of_its_own(settings, reader.problems()[0], asked.history) as alone:
        return _open(alone, asked.port, reader)


def _open(settings: Settings, port: int, reader: RegistryReader | None = None) -> int:
    try:
        listener = _listen(settings.host, port)
    except OSError as error:
        print(f"cannot listen on {settings.host}:{port}: {error.strerror}; choose --port", file=sys.stderr)  # noqa: T201
        return 1
    return _run(settings, listener, reader)


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


def _run(settings: Settings, listener: socket.socket, reader: RegistryReader | None) -> int:
    """Serve in this process, or in several of which this one is the parent; the address is told in either case."""
    from pipelines.stores.storage.files import write_json

    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    address = {"url": f"http://{shown}:{port}", "pid": os.getpid(), "port": port}
    note = settings.home / "run" / "prediction.json"

    def announce() -> None:
        write_json(note, address)
        print(f"Ratchet predictions at {address['url']} (API: {address['url']}/docs)", flush=True)  # noqa: T201

    try:
        if settings.workers > 1:
            return _supervise(settings, listener, announce)
        return _serve(settings, listener, announce, reader)
    finally:
        _forget(note)


def _supervise(settings: Settings, listener: socket.socket, announce: Callable[[], None]) -> int:
    from services.prediction.workers import Workers, shared_metrics, worker_command

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def forget(pid: int) -> None:
        from services.prediction.metrics import forget_worker

        forget_worker(pid)

    with shared_metrics(settings.home / "run"):
        workers = Workers(settings.workers, listener, settings.drain_seconds, worker_command(settings.host), forget)
        return workers.run(stop, announce)


def _serve(
    settings: Settings, listener: socket.socket, announce: Callable[[], None], reader: RegistryReader | None
) -> int:
    """The whole service in this process."""
    import uvicorn

    from services.prediction.process_memory import spare_the_collector

    class Announced(uvicorn.Server):
        """Says so once it listens."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                spare_the_collector()
                announce()

    Announced(_configure(settings, reader)).run(sockets=[listener])
    return 0


def _work(settings: Settings, descriptor: int) -> int:
    """One worker of several: its connections come from the parent."""
    import asyncio

    import uvicorn

    from services.prediction.process_memory import spare_the_collector
    from services.prediction.worker_line import Line

    line = Line(descriptor)

    class Worker(uvicorn.Server):
        """Serves what comes by the line, until that ends."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                spare_the_collector()
                line.take_connections(self.make_connection)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            line.close()
            await super().shutdown(sockets)

        def make_connection(self) -> asyncio.Protocol:
            """As uvicorn makes one for a connection that it accepted."""
            made: Any = self.config.http_protocol_class
            return cast(
                "asyncio.Protocol",
                made(config=self.config, server_state=self.server_state, app_state=self.lifespan.state),
            )

    Worker(_configure(settings)).run(sockets=[])
    return 0


def _configure(settings: Settings, reader: RegistryReader | None = None) -> uvicorn.Config:
    import uvicorn

    from services.prediction.app import create_app
    from services.prediction.quick_path import quick_connections

    app = create_app(settings, reader)
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=cast("type[Any]", quick_connections(settings, app)),
        ws="none",
        log_config=None,
        log_level=settings.log_level,
        access_log=False,
        proxy_headers=False,  # nothing here asks where a caller is, and it costs each request a little
        server_header=False,
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds),
    )


def _forget(note: Path) -> None:
    """The address is taken back, unless another process has written its own there."""
    from pipelines.core.errors import NotFound
    from pipelines.stores.storage.files import read_json

    try:
        if read_json(note)["pid"] == os.getpid():
            note.unlink(missing_ok=True)
    except NotFound:
        pass


if __name__ == "__main__":
    sys.exit(main())
