"""`ratchet serve`: the prediction service in the foreground."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from pipelines.commands.arguments import Json
from pipelines.commands.output import remark, write_result
from pipelines.commands.wiring import read_settings
from pipelines.core.errors import Unavailable


def serve(
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="0: any free port [default: RATCHET_SERVICE_PORT]")
    ] = None,
    json: Json = False,
) -> None:
    """Serve every champion over REST until it is interrupted; the address is printed first."""
    from pipelines.stack.addresses import choose_port, url_of
    from pipelines.stack.environment import child_environment

    settings = read_settings()
    wanted = settings.service_port if port is None else port
    chosen = choose_port(settings.host, wanted)
    if wanted and chosen != wanted:
        raise Unavailable(
            f"port {wanted} on {settings.host} is in use: pass --port with another, or 0 for any free one"
        )
    url = url_of(settings.host, chosen)
    result = {"url": url, "docs": f"{url}/docs", "pid": os.getpid()}
    write_result(result, json, lambda: remark(f"serving at {url}, documented at {url}/docs; Ctrl-C ends it"))
    # This process becomes the service, so that a signal to the command reaches it; its log is no result.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    command = [sys.executable, "-m", "services.prediction", "--port", str(chosen)]
    os.execve(sys.executable, command, child_environment(settings, {}))
