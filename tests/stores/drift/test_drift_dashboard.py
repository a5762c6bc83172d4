from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.stores.drift.drift_dashboard import NUMBER, column_line, dashboard, move_in, open_project, project_id

# Evidently's own import uses names that numpy and litestar have renamed.
pytestmark = [
    pytest.mark.filterwarnings("ignore:numpy.core:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:(Call to|Use of) deprecated:DeprecationWarning"),
]


def test_the_same_columns_give_the_same_dashboard() -> None:
    assert dashboard("p", ["a", "b"]) == dashboard("p", ["a", "b"])
    assert dashboard("p", ["a"]) != dashboard("q", ["a"])


def test_every_panel_stands_on_a_tab() -> None:
    made = dashboard("p", [f"c{position} [é]" for position in range(100)])
    panels = [panel["id"] for panel in made["panels"]]
    assert sorted(panels) == sorted(one for tab in made["tabs"] for one in tab["panels"])
    lines = [value["metric_labels"]["name"] for panel in made["panels"] for value in panel["values"]]
    assert column_line("c39 [é]") in lines
    assert column_line("c40 [é]") not in lines


def test_evidently_reads_the_project_and_its_dashboard(tmp_path: Path) -> None:
    from evidently.ui.workspace import Workspace

    open_project(tmp_path / "evidently", "p", ["a"])
    workspace = Workspace(str(tmp_path / "evidently"))
    assert [project.name for project in workspace.list_projects()] == ["p"]
    assert workspace.get_dashboard(project_id("p")).tabs[0].title == "Overview"


def test_an_operators_panels_are_left_alone_until_the_columns_change(tmp_path: Path) -> None:
    workspace = tmp_path / "evidently"
    path = open_project(workspace, "p", ["a"]) / "dashboard.json"
    content = json.loads(path.read_text())
    content["panels"].append({**content["panels"][0], "id": "own", "title": "mine"})
    path.write_text(json.dumps(content))
    open_project(workspace, "p", ["a"])
    assert "mine" in path.read_text()
    open_project(workspace, "p", ["a", "b"])
    assert column_line("b") in path.read_text()


def test_the_ui_shows_what_comes_while_it_runs(tmp_path: Path) -> None:
    """The real UI: a project and a report that are moved in after its start are there at once."""
    workspace = tmp_path / "evidently"
    workspace.mkdir()
    with evidently_ui(workspace) as ui:
        assert ui.get("/api/projects").json() == []
        folder = open_project(workspace, "p", ["a"])
        until(lambda: [one["name"] for one in ui.get("/api/projects").json()] == ["p"])
        name = "5f6c2a0e-0000-4000-8000-000000000001"
        move_in(workspace, folder / "snapshots" / f"{name}.json", json.dumps(snapshot()))
        project = f"/api/projects/{project_id('p')}"
        until(lambda: [one["id"] for one in ui.get(f"{project}/reports").json()] == [name])
        wanted = {"metric": NUMBER, "tags": [], "metadata": {}, "metric_labels": {"name": "loss"}}
        series = f"/api/v2/snapshots/{project_id('p')}/data_series_batch"
        found = ui.post(series, json={"series_filter": [wanted]}).json()
        assert found["series"][0]["values"] == [0.5]
        assert ui.get("/").status_code == 200


def snapshot() -> dict[str, Any]:
    from evidently.core.metric_types import MetricConfig, SingleValue, single_value_location

    value = SingleValue(value=0.5, display_name="loss")
    value.metric_value_location = single_value_location(
        MetricConfig(metric_id="m", params={"type": NUMBER, "name": "loss"})
    )
    value.widget = []
    about = {
        "report": {"items": []},
        "name": "w",
        "timestamp": "2013-03-08T00:00:00",
        "metadata": {},
        "tags": [],
    }
    shown = {
        "metric_results": {"m": value.dict()},
        "top_level_metrics": ["m"],
        "widgets": [],
        "tests_widgets": [],
    }
    return json.loads(json.dumps({**about, **shown}, default=str))


def until(condition: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


@contextmanager
def evidently_ui(workspace: Path) -> Iterator[httpx.Client]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "evidently"), "ui", "--workspace", str(workspace)]
    environment = {**os.environ, "DO_NOT_TRACK": "true"}
    with (workspace.parent / "ui.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)], env=environment, stdout=log, stderr=log
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
                until(lambda: answers(client), 90)
                yield client
        finally:
            process.terminate()
            process.wait(20)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/api/projects").status_code == 200
    except httpx.TransportError:
        return False
