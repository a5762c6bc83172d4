"""`ratchet materialise`: the history that serving reads, renewed."""

from __future__ import annotations

from typing import Any

from pipelines.commands.arguments import AsOf, Json, ProblemName, now
from pipelines.commands.flow_run import flow_run
from pipelines.commands.output import plain, table, write_result
from pipelines.commands.wiring import prepare_tools, read_settings


def materialise(problem: ProblemName, as_of: AsOf = None, json: Json = False) -> None:
    """Read the source as of a moment and replace the history store; the running service takes it over."""
    prepare_tools(read_settings())
    with flow_run("materialising", "materialising") as materialising:
        (made,) = materialising(problem, as_of=as_of or now())
    result: dict[str, Any] = plain(made)
    write_result(result, json, lambda: table("History", ("what", "value"), list(result.items())))
