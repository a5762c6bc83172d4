"""`ratchet approve`: a second person's word on a release that waits for it."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from typing import Annotated

import typer

from pipelines.commands.arguments import Json, ProblemName, now
from pipelines.commands.names import problem_name
from pipelines.commands.output import remark, write_result
from pipelines.commands.releases import Actor, Reason
from pipelines.commands.wiring import prepare_tools, read_settings


def approve(
    problem: ProblemName,
    reason: Reason,
    version: Annotated[int | None, typer.Argument(help="[default: the newest release that waits]")] = None,
    by: Actor = None,
    decline: Annotated[bool, typer.Option("--decline", help="Say no: the champion stays.")] = False,
    json: Json = False,
) -> None:
    """Make a release the champion that the gate would promote and that waits for a second person, or decline it.

    Whoever asked for the training cannot approve it; name and reason are kept in the ledger.
    """
    settings = read_settings()
    prepare_tools(settings, with_server=False)
    from pipelines.stores.releases.approvals import approve as speak

    name = problem_name(settings, problem)
    said = speak(name, settings, version, now(), by or getpass.getuser(), reason, decline)
    line = f"{name}: version {said.version} is {said.outcome}, the champion is {said.champion}"
    line += f" ({said.actor}: {said.reason})"
    write_result(asdict(said), json, lambda: remark(line))
