"""`ratchet monitor`: a window of the prediction log, judged."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from pipelines.commands.arguments import AsOf, Json, ProblemName, now, parse_moment
from pipelines.commands.flow_run import flow_run
from pipelines.commands.output import plain, table, write_result
from pipelines.commands.wiring import prepare_tools, read_settings

_COLUMNS = 15  # that are shown; all of them are in the evidence
_NUMBERS = ("loss", "loss of the release", "promised loss", "harm", "harm, limit", "calibration gap", "estimated loss")


def monitor(
    problem: ProblemName,
    start: Annotated[
        datetime | None, typer.Option(parser=parse_moment, metavar="WHEN", help="[default: one window before the end]")
    ] = None,
    end: Annotated[datetime | None, typer.Option(parser=parse_moment, metavar="WHEN", help="[default: as of]")] = None,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """Judge a window of answered predictions against the champion's reference: healthy, warning or alarm.

    An alarm that the problem's policy acts on makes a retraining request, which is then carried out.
    """
    prepare_tools(read_settings())
    with flow_run("monitoring", "monitoring") as monitoring:
        result = monitoring(problem, start=start, end=end, as_of=as_of or now())
    watched = plain(result["watched"][0])
    write_result({**watched, "dispatched": result["dispatched"]}, json, lambda: _show(watched, result["dispatched"]))


def _show(watched: dict[str, Any], dispatched: list[dict[str, Any]]) -> None:
    table(
        f"{watched['problem']}: {watched['level']}",
        ("what", "level", "why"),
        [(kind, level, "\n".join(watched["why"].get(kind, []))) for kind, level in watched["kinds"].items()],
    )
    table("What it goes by", ("what", "value"), _facts(watched))
    columns = [one for one in watched["columns"] if one["drifted"] or one["harm"]][:_COLUMNS]
    if columns:
        shown = [
            (one["name"], *(_number(one[name]) for name in ("harm", "usage", "score", "limit"))) for one in columns
        ]
        table("Columns by harm", ("column", "harm to the loss", "share of use", "drift", "limit"), shown)
    if dispatched:
        table("Retraining", ("problem", "outcome"), [(one["problem"], one["outcome"]) for one in dispatched])


def _facts(watched: dict[str, Any]) -> list[tuple[str, Any]]:
    coverage = watched["coverage"]
    labels = f"{watched['labels']:,}" + ("" if coverage is None else f" ({coverage:.0%} of its answers)")
    window = f"{_short(watched['start'])} to {_short(watched['end'])}"
    facts = [("window", window), ("version", watched["version"]), ("rows", f"{watched['rows']:,}"), ("labels", labels)]
    facts += [("note", note) for note in watched["notes"]]
    numbers = watched["numbers"]
    facts += [(name, _number(numbers[name])) for name in _NUMBERS if name in numbers]
    asked = "asked for" if watched["retrain"] else "; ".join(watched["blocked_by"]) or "not called for"
    return [*facts, ("retraining", asked), ("report", watched["report"])]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _short(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M}"
