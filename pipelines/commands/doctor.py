"""`ratchet doctor`: what would break Ratchet on this machine."""

from __future__ import annotations

import typer

from pipelines.commands.arguments import Json
from pipelines.commands.output import table, write_result
from pipelines.commands.wiring import read_settings


def doctor(json: Json = False) -> None:
    """Check versions, native libraries, ports, disk, memory, clock and permissions; ends with 1 if one is an error."""
    from pipelines.stack.doctor import examine

    findings = examine(read_settings())
    healthy = all(finding.level != "error" for finding in findings)
    rows = [(finding.level, finding.check, finding.found, finding.advice) for finding in findings]
    columns = ("level", "check", "found", "advice")
    write_result({"healthy": healthy, "findings": findings}, json, lambda: table("Doctor", columns, rows))
    if not healthy:
        raise typer.Exit(1)
