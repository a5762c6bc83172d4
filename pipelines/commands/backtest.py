"""`ratchet backtest`: the whole loop replayed over history, under several policies side by side."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.commands.arguments import Json, ProblemName, parse_moment
from pipelines.commands.flow_run import flow_run
from pipelines.commands.live_progress import live_progress
from pipelines.commands.output import number, remark, table, write_result
from pipelines.commands.wiring import prepare_tools, read_settings

if TYPE_CHECKING:
    from pipelines.core.settings import Settings


def parse_window(text: str) -> timedelta:
    """How long a window is, as the problem file would say it."""
    from pipelines.core.problem_parts import parse_duration

    try:
        found = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if found <= timedelta(0):
        raise typer.BadParameter(f"a window of {text} is none")
    return found


def backtest(
    problem: ProblemName,
    policy: Annotated[
        list[Path] | None,
        typer.Option("--policy", metavar="FILE", help="One policy more: YAML with the keys of `retraining`."),
    ] = None,
    start: Annotated[
        datetime | None,
        typer.Option(
            "--from", parser=parse_moment, metavar="WHEN", help="First training [default: a quarter of the labels in]."
        ),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option("--to", parser=parse_moment, metavar="WHEN", help="Know nothing after it [default: last label]."),
    ] = None,
    window: Annotated[
        timedelta | None,
        typer.Option("--window", parser=parse_window, metavar="W", help="Such as 1d or 1w [default: the problem's]."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="This policy alone; may be given again.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Where the page goes.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Use no training of an earlier backtest.")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Policies replayed at the same time.")] = 2,
    json: Json = False,
) -> None:
    """Replay history with a virtual clock: train, serve, reveal labels, judge, retrain, gate; never, by calendar,
    on drift, on performance, and as the problem file says.

    Nothing that it does touches the ledger, the registry or the log. The page that it writes needs no network.
    """
    settings = read_settings()
    served = prepare_tools(settings)
    given = {"start": start, "end": end, "window": window, "only": only or [], "fresh": fresh, "jobs": jobs}
    files = [one.absolute() for one in policy or []]
    if served:
        with flow_run("backtesting", "backtesting") as backtesting:
            found = backtesting(problem, files, **given)
    else:
        found = _here(settings, problem, files, given)
    path = _write_page(settings, found, out)
    result: dict[str, Any] = {**plain_result(found), "page": str(path)}
    write_result(result, json, lambda: _show(result))


def plain_result(found: dict[str, Any]) -> dict[str, Any]:
    """`problem` and `policies` first: what programs look for."""
    return {"problem": found["problem"], "policies": found["policies"], **found}


def _here(settings: Settings, problem: str, files: list[Path], given: dict[str, Any]) -> dict[str, Any]:
    """The step itself: without a server nobody would see the flow run."""
    with live_progress() as listener:
        from pipelines.steps.backtest import backtest as replay
        from pipelines.stores.problems.known_problems import resolve_problem
        from pipelines.stores.problems.policy_files import load_policy

        loaded = resolve_problem(settings, problem)
        policies = [load_policy(one, loaded.problem) for one in files]
        return replay(loaded, settings, policies, progress=listener, **given)


def _write_page(settings: Settings, found: dict[str, Any], out: Path | None) -> Path:
    """The page at `out`, else in the home, where the operators' pages find it."""
    from pipelines.cards.backtest_page import backtest_page
    from pipelines.stores.storage.files import write_atomic

    days = "-".join(datetime.fromisoformat(found[one]).strftime("%Y%m%d") for one in ("start", "end"))
    default = settings.home / "backtests" / found["problem"] / f"{days}-{found['window']}.html"
    path = (out or default).absolute()
    write_atomic(path, backtest_page(found).encode())
    return path


def _show(result: dict[str, Any]) -> None:
    rows = [
        (
            one["name"],
            number(one["loss"]),
            one["retrainings"],
            one["rejected"],
            one["alarms"],
            f"{one['compute_s']:.0f} s",
        )
        for one in result["policies"]
    ]
    title = f"{result['problem']}: {result['start'][:10]} to {result['end'][:10]}, windows of {result['window']}"
    table(title, ("policy", result["metric"], "retrainings", "rejected", "alarms", "training CPU"), rows)
    for note in result["notes"]:
        remark(note)
    remark(f"{result['seconds']:.0f} s; the page: {result['page']}")
