"""A problem's project in the Evidently workspace, with its dashboard, as the JSON that Evidently's UI reads.

Every line draws one of Ratchet's own numbers. Evidently tells lines apart by *all* parameters of a metric, so
a line of its own metrics would break wherever a threshold or the set of columns changes.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.stores.storage.files import write_atomic

NUMBER = "evidently:metric_v2:RatchetNumber"
NAMESPACE = uuid.UUID("6f1d3d0e-6f0b-5a1e-9b35-52617463ae74")
DRAWN = 40  # columns with a line of their own
_PER_PANEL = 8
_LINES: dict[str, list[str]] = {
    "Harm: loss beyond what the answers promised": ["harm", "harm, limit"],
    "Evidence that it is no chance": [
        "evidence",
        "evidence, limit",
        "calibration evidence",
        "calibration evidence, limit",
    ],
    "Loss where labels have come": ["loss", "loss, low", "loss, high", "promised loss", "loss of the release"],
    "Loss estimated without labels": ["estimated loss", "estimated loss, limit", "estimate's own error"],
    "Calibration": ["calibration gap", "calibration gap, limit (±)"],
    "Skill against the base rate": ["skill against the base rate"],
    "Share of what the model uses that drifted": ["drifted columns", "drifted columns, limit"],
    "Largest estimated harm of a drifted column": [
        "largest harm of a drifted column",
        "largest harm of a drifted column, limit",
    ],
    "Drift of the answers": ["prediction drift", "prediction drift, limit"],
    "Largest rise of missing values": ["largest rise of missing values", "largest rise of missing values, limit"],
    "Labels: how many, how old": ["coverage", "label age, days"],
}
_LAST = ["rows", "labels", "harm", "evidence", "loss", "drifted columns"]


def project_id(problem: str) -> uuid.UUID:
    """The id of the problem's project in every workspace: links to it can be made without looking."""
    return uuid.uuid5(NAMESPACE, problem)


def column_line(column: str) -> str:
    """Name of the number that a column's line draws."""
    return f"drift of {column}"


def dashboard(problem: str, columns: Sequence[str]) -> dict[str, Any]:
    """Two tabs: the overview, and the drift of at most DRAWN columns. Ids are those of the arguments."""
    overview = [_panel(problem, "The last window", _LAST, "counter")]
    overview += [_panel(problem, title, names, "line") for title, names in _LINES.items()]
    overview.append(_panel(problem, "Rows and labels", ["rows", "labels"], "bar"))
    shown = list(columns)[:DRAWN]
    groups = [shown[first : first + _PER_PANEL] for first in range(0, len(shown), _PER_PANEL)]
    drift = [
        _panel(problem, f"Drift: {names[0]} to {names[-1]}", [column_line(name) for name in names], "line")
        for names in groups
    ]
    tabs = {"Overview": overview, "Columns (1 and more is drift)": drift}
    return {"tabs": [_tab(problem, *one) for one in tabs.items()], "panels": [*overview, *drift]}


def open_project(workspace: Path, problem: str, columns: Sequence[str]) -> Path:
    """The problem's project folder, with a dashboard that draws these columns.

    A dashboard that has all panels already is left alone: an operator may have added some.
    """
    folder = workspace / str(project_id(problem))
    (folder / "snapshots").mkdir(parents=True, exist_ok=True)
    if not (folder / "metadata.json").exists():
        about = f"The windows of {problem}, judged by Ratchet"
        content = {"id": str(project_id(problem)), "name": problem, "description": about, "version": "2"}
        move_in(workspace, folder / "metadata.json", json.dumps(content))
    path, wanted = folder / "dashboard.json", dashboard(problem, columns)
    held = path.read_text() if path.exists() else ""
    if not all(panel["id"] in held for panel in wanted["panels"]):
        move_in(workspace, path, json.dumps(wanted))
    return folder


def move_in(workspace: Path, path: Path, text: str) -> Path:
    """A file that is made beside the workspace and then moved into it.

    Evidently's UI reads a file when it *appears* in its folder: a rename within the workspace goes unnoticed,
    and a file written in place would be read half done (left so by a kill, it keeps the UI from starting).
    """
    made = workspace.parent / f".{workspace.name}-incoming" / f"{uuid.uuid4()}.json"
    write_atomic(made, text.encode())
    return made.replace(path)


def _tab(problem: str, title: str, panels: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid5(NAMESPACE, f"{problem} {title}")),
        "title": title,
        "panels": [panel["id"] for panel in panels],
    }


def _panel(problem: str, title: str, names: Sequence[str], plot: str) -> dict[str, Any]:
    values = [{"legend": name, "metric": NUMBER, "metric_labels": {"name": name}} for name in names]
    return {
        "id": str(uuid.uuid5(NAMESPACE, json.dumps([problem, title, *names]))),
        "title": title,
        "subtitle": "",
        "size": "full" if plot == "counter" else "half",
        "values": [{**value, "tags": [], "metadata": {}, "view_params": {}} for value in values],
        "plot_params": {"plot_type": plot, "aggregation": "last", "is_stacked": False},
    }
