"""`ratchet train`: the training flow, here or on the worker."""

from __future__ import annotations

import getpass
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.commands.arguments import AsOf, Json, ProblemName, now
from pipelines.commands.flow_run import flow_run
from pipelines.commands.live_progress import live_progress
from pipelines.commands.output import number, remark, table, write_result
from pipelines.commands.wiring import prepare_tools, read_settings

if TYPE_CHECKING:
    from pipelines.core.settings import Settings
    from pipelines.stores.problems.problem_files import LoadedProblem


def train(
    problem: ProblemName,
    as_of: AsOf = None,
    accept_schema: Annotated[
        bool, typer.Option("--accept-schema", help="Take over a breaking change of the data's schema.")
    ] = False,
    worker: Annotated[bool, typer.Option("--worker", help="Run on the worker of the running stack, not here.")] = False,
    because: Annotated[
        str | None, typer.Option(help="A reason to change models: a candidate that is no worse is enough then.")
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who asks for it [default: your login].")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for another training of this problem.")] = 5.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what the gate would: nothing is released or recorded.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="With --dry-run: Markdown for a pull request.")
    ] = None,
    fail_on_keep: Annotated[
        bool, typer.Option("--fail-on-keep", help="End with 1 where it is no better, and not the champion bit for bit.")
    ] = False,
    json: Json = False,
) -> None:
    """Read the data as of a moment, train a candidate, judge it against the champion, and record the decision.

    Ends with 0 for every decision: promote, keep and not enough data. Run it again after a kill and it goes on.
    """
    _require_sense(dry_run, worker, report)
    started = time.monotonic()
    settings = read_settings()
    from pipelines.stores.problems.known_problems import resolve_problem

    loaded = resolve_problem(settings, problem)  # a wrong problem file is told at once, before anything is started
    api = prepare_tools(settings, with_server=not dry_run)
    moment = as_of or now()
    asked = {"as_of": moment, "accept_schema": accept_schema, "wait": wait, "because": because}
    asked["actor"] = by or getpass.getuser()
    if dry_run:
        summary = _dry(settings, loaded, asked, report)
    else:
        summary = _on_worker(api, loaded, asked) if worker else _here(problem, asked)
    summary["seconds"] = round(time.monotonic() - started, 2)
    write_result(summary, json, lambda: _show(summary))
    if fail_on_keep and summary["decision"] == "keep" and not _same(summary):
        raise typer.Exit(1)


def _require_sense(dry_run: bool, worker: bool, report: Path | None) -> None:
    if dry_run and worker:
        raise typer.BadParameter("--dry-run runs here: leave --worker out")
    if report is not None and not dry_run:
        raise typer.BadParameter("--report needs --dry-run; a release has its card: `ratchet card`")


def _dry(settings: Settings, loaded: LoadedProblem, asked: dict[str, Any], report: Path | None) -> dict[str, Any]:
    from pipelines.cards.change_reports import model_report
    from pipelines.steps.dry_run import dry_run
    from pipelines.stores.storage.files import write_atomic

    with live_progress() as listener:
        run = dry_run(loaded, settings, asked["as_of"], asked["because"], asked["accept_schema"], tell=listener)
    found = asdict(run)
    if report is not None:
        write_atomic(report, model_report(found).encode())
    return found


def _same(summary: dict[str, Any]) -> bool:
    """Whether the candidate is the champion, bit for bit: the gate keeps it, and nothing is wrong."""
    return any(one["name"] == "identity" and not one["passed"] for one in summary["checks"])


def _here(problem: str, asked: dict[str, Any]) -> dict[str, Any]:
    with flow_run("training", "training") as training:
        return dict(training(problem, **asked))


def _on_worker(api: str | None, loaded: LoadedProblem, asked: dict[str, Any]) -> dict[str, Any]:
    from pipelines.core.errors import Unavailable

    if api is None:
        raise Unavailable("--worker needs the running stack, and no Prefect server answers: start it with `ratchet up`")
    from pipelines.flows.remote import train_on_worker

    remark(f"sent to the worker; watch it at {api.removesuffix('/api')}")
    return train_on_worker({**asked, "problem": str(loaded.path), "as_of": asked["as_of"].isoformat()})


def _show(summary: dict[str, Any]) -> None:
    rows = [
        (name, number(one["value"]), f"{number(one['low'])} – {number(one['high'])}")
        for name, one in summary["metrics"].items()
    ]
    table(f"{summary['problem']}: held-out metrics", ("metric", "value", "interval"), rows)
    remark("")
    if line := _rehearsed(summary.get("rehearsal") or {}):
        remark(line)
    version = f", version {summary['version']}" if summary.get("version") is not None else ""
    print_decision = f"{summary['decision']}{version} ({summary['seconds']:.0f} s)"
    table("Decision", (print_decision,), [(reason,) for reason in summary.get("reasons", [])])
    if summary["decision"] == "awaiting_approval":
        remark(f"a second person must agree: `ratchet approve {summary['problem']} {summary['version']}`")


def _rehearsed(found: dict[str, Any]) -> str:
    """The rehearsal in a line."""
    if not found:
        return ""
    if found["skipped"]:
        return f"no rehearsal: {found['skipped']}"
    told = f"rehearsal: {found['rows'] - found['wrong']} of {found['rows']} answers over HTTP equal the batch"
    if found["latency_ms"] is None:
        return told
    return f"{told}; one row takes {found['latency_ms']:.2g} ms (p99 {found['latency_p99_ms']:.2g} ms)"
