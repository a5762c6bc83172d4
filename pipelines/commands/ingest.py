"""`ratchet ingest`: the source, read once into an immutable snapshot."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from pipelines.commands.arguments import AsOf, Json, ProblemName, now
from pipelines.commands.output import table, write_result
from pipelines.commands.wiring import prepare_tools, read_settings


def ingest(
    problem: ProblemName,
    as_of: AsOf = None,
    accept_schema: Annotated[
        bool, typer.Option("--accept-schema", help="Take over a breaking change of the data's schema.")
    ] = False,
    json: Json = False,
) -> None:
    """Read the source as of a moment, check it against the contract, and keep it as a snapshot under `data/`.

    The same source gives the same hash. RATCHET_DATA says where `data/` and `data.dvc` lie.
    """
    settings = read_settings()
    prepare_tools(settings, with_server=False)
    from pipelines.steps import ingest as step
    from pipelines.stores.problems.known_problems import resolve_problem

    ingested = asdict(step.ingest(resolve_problem(settings, problem), settings, as_of or now(), accept_schema))
    rows = [(name.replace("_", " "), value) for name, value in ingested.items()]
    write_result({"problem": problem, **ingested}, json, lambda: table("Snapshot", ("what", "value"), rows))
