"""How the demo ends: the weeks, the decisions, and where to look at all of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.commands.demo_places import runs_elsewhere
from pipelines.commands.output import decisive, table

if TYPE_CHECKING:
    from pipelines.core.settings import Settings


def show_story(settings: Settings, addresses: Mapping[str, str], problem: str, result: dict[str, Any]) -> None:
    """Print what happened week by week, what was decided, and the addresses to open next."""
    weeks = [
        (one["start"], one["asked"], one["labels"], one["version"], one["level"], worries(one["kinds"]))
        for one in result["weeks"]
    ]
    table("Weeks", ("week of", "asked", "labels", "version", "verdict", "why"), weeks)
    decided = [
        (one["as_of"][:10], one["why"], one["decision"], one["version"], decisive(one["reasons"]))
        for one in result["decisions"]
    ]
    table("Decisions", ("as of", "asked by", "decision", "version", "reason"), decided)
    table(f"{result['predictions']} predictions, {result['labels']} labels, {result['seconds']:.0f} s. Look at:",
          ("where", "what"), looks(settings, addresses, problem, result))  # fmt: skip


def looks(
    settings: Settings, addresses: Mapping[str, str], problem: str, result: dict[str, Any]
) -> list[tuple[str, str]]:
    """Where to look, each with what is to be seen there: pages that are known, then commands."""
    from pipelines.core.exposure import keys_required

    elsewhere = runs_elsewhere(settings)
    command = "ratchet" if elsewhere else f"RATCHET_HOME={os.path.relpath(settings.home)} .venv/bin/ratchet"
    shown = dict(addresses)
    if elsewhere and settings.service_page:
        shown["prediction"] = settings.service_page.rstrip("/")
    pages = [
        ("console", f"/problems/{problem}", "the operators' page: the whole story, and what can be done"),
        ("evidently", "", f"drift dashboards: project {problem}"),
        ("mlflow", f"/#/models/{problem}", "versions and their scorecards"),
        ("prefect", "/runs", "every flow run"),
        ("prediction", "/docs", "the API; try a request"),
    ]
    found = [(shown[name] + path, what) for name, path, what in pages if name in shown]
    found += [
        (f"{command} ledger {problem}", f"{result['ledger']['entries']} entries: what was decided, by whom, and why"),
        (f"{command} card {problem} --open", "the champion's model card"),
        (f"{command} passport {result['a_prediction']}", "where one answer comes from"),
        (f"{command} reproduce {problem}@1", "the first release once more: the same model, bit for bit"),
    ]
    if keys_required(settings):
        found.append((f"{command} keys create me --scope admin", "a key: the API asks for one"))
    return found if elsewhere else [*found, ("make down", "end the stack")]


def worries(kinds: dict[str, str]) -> str:
    """The kinds of a verdict that are not healthy, in words.

    >>> worries({"data": "warning", "prediction": "healthy"})
    'data warning'
    """
    return ", ".join(f"{kind} {level}" for kind, level in kinds.items() if level != "healthy")
