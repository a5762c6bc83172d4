"""`ratchet train`: the training flow, here or on the worker."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.commands.arguments import AsOf, Json, ProblemName, now
from pipelines.commands.flow_run import flow_run
from pipelines.commands.output import number, remark, table, write_result
from pipelines.commands.wiring import prepare_tools, read_settings

if TYPE_CHECKING:
    from pipelines.stores.problem_files import LoadedProblem


def train(
    problem: ProblemName,
    as_of: AsOf = None,
    accept_schema: Annotated[
        bool, typer.Option("--accept-schema", help="Take over a breaking change of the data's schema.")
    ] = False,
    worker: Annotated[bool, typer.Option("--worker", help="Run on the worker of the running stack, not here.")] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for another training of this problem.")] = 5.0,
    json: Json = False,
) -> None:
    """Read the data as of a moment, train a candidate, judge it against the champion, and record the decision.

    Ends with 0 for every decision: promote, keep and not enough data. Run it again after a kill and it goes on.
    """
    started = time.monotonic()
    settings = read_settings()
    from pipelines.stores.known_problems import resolve_problem

    loaded = resolve_problem(settings, problem)  # a wrong problem file is told at once, before anything is started
    api = prepare_tools(settings)
    moment = as_of or now()
    summary = (
        _on_worker(api, loaded, moment, accept_schema, wait) if worker else _here(problem, moment, accept_schema, wait)
    )
    summary["seconds"] = round(time.monotonic() - started, 2)
    write_result(summary, json, lambda: _show(summary))


def _here(problem: str, as_of: datetime, accept_schema: bool, wait: float) -> dict[str, Any]:
    with flow_run("training", "training") as training:
        return dict(training(problem, as_of=as_of, accept_schema=accept_schema, wait=wait, actor="cli"))


def _on_worker(
    api: str | None, loaded: LoadedProblem, as_of: datetime, accept_schema: bool, wait: float
) -> dict[str, Any]:
    from pipelines.core.errors import Unavailable

    if api is None:
        raise Unavailable("--worker needs the running stack, and no Prefect server answers: start it with `ratchet up`")
    from pipelines.flows.remote import train_on_worker

    remark(f"sent to the worker; watch it at {api.removesuffix('/api')}")
    parameters = {"problem": str(loaded.path), "as_of": as_of.isoformat(), "accept_schema": accept_schema, "wait": wait}
    return train_on_worker({**parameters, "actor": "cli"})


def _show(summary: dict[str, Any]) -> None:
    rows = [
        (name, number(one["value"]), f"{number(one['low'])} – {number(one['high'])}")
        for name, one in summary["metrics"].items()
    ]
    table(f"{summary['problem']}: held-out metrics", ("metric", "value", "interval"), rows)
    remark("")
    version = f", version {summary['version']}" if summary.get("version") is not None else ""
    print_decision = f"{summary['decision']}{version} ({summary['seconds']:.0f} s)"
    table("Decision", (print_decision,), [(reason,) for reason in summary.get("reasons", [])])
