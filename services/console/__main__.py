"""`python -m services.console`: the operators' pages as a process, on loopback unless told otherwise."""

from __future__ import annotations

import argparse
import signal
import socket
import sys


def main() -> int:
    """Serve pages until told to stop."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    import uvicorn

    from pipelines.core.settings import Settings
    from services.console.site import create_site

    settings = Settings()
    parser = argparse.ArgumentParser(prog="services.console", description=__doc__)
    parser.add_argument("--host", default=settings.host, help="address to bind to [default: RATCHET_HOST]")
    parser.add_argument("--port", type=int, default=settings.console_port, help="0: any free port")
    asked = parser.parse_args()
    # Where it really binds decides whether keys are needed.
    settings = settings.model_copy(update={"host": asked.host})
    config = uvicorn.Config(
        create_site(settings),
        host=asked.host,
        port=asked.port,
        ws="none",
        log_level=settings.log_level if settings.access_log else "warning",
        access_log=settings.access_log,
        server_header=False,
        timeout_graceful_shutdown=5,
    )

    class Announced(uvicorn.Server):
        """Says so once it listens."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                host, port = self.servers[0].sockets[0].getsockname()[:2]
                shown = f"[{host}]" if ":" in host else host
                print(f"Ratchet console at http://{shown}:{port}", flush=True)  # noqa: T201

    Announced(config).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
