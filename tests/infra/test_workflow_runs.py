"""The steps of the workflow files, run as they stand there: on a small problem, beside a registry in production."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

WORKFLOWS = Path(__file__).parents[2] / ".github" / "workflows"
PROBLEM = """name: late
data: {source: late.csv, target: late, time: at, key: id}
learners: [linear]
search: {trials: 1}
"""
pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(900)]  # a busy machine: each step is a start


def script(workflow: str, job: str, step: str) -> str:
    """What the step runs."""
    content = YAML(typ="safe").load((WORKFLOWS / f"{workflow}.yml").read_text())
    (found,) = (one["run"] for one in content["jobs"][job]["steps"] if one.get("name") == step)
    return str(found)


def write_table(path: Path, rows: int = 600) -> None:
    noise, start = random.Random(3), datetime(2026, 1, 1)
    lines = ["id,at,line,load,late"]
    for row in range(rows):
        line, load = noise.choice("ab"), noise.random()
        late = load + (0.4 if line == "b" else 0) + noise.gauss(0, 0.2) > 0.7
        at = start + timedelta(minutes=20 * row)
        lines.append(f"{row},{at:%Y-%m-%d %H:%M},{line},{load:.4f},{str(late).lower()}")
    path.write_text("\n".join(lines) + "\n")


@dataclass(frozen=True)
class Done:
    """How a step ended, what it told, and the page that it wrote for the reviewer."""

    code: int
    told: str
    page: str


@dataclass(frozen=True)
class Production:
    """A registry behind a server, the home of whoever releases, and a repository with a problem."""

    repository: Path
    mlflow: str
    room: Path

    def run(self, text: str, folder: Path, **environment: str) -> Done:
        """A step's script as the runner runs it: bash with pipefail, in the checked-out folder."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RATCHET_", "PREFECT_"))}
        page = folder / ".summary"
        page.write_text("")
        search = os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
        given = {"PATH": search, "GITHUB_STEP_SUMMARY": str(page), "PROBLEMS": "late.yaml", "AS_OF": "2026-01-20"}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
            cwd=folder,
            env={**kept, **given, "RATCHET_REHEARSAL": "false", **environment},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        return Done(done.returncode, done.stdout + done.stderr, page.read_text())

    def release(self, folder: Path, reason: str) -> Done:
        """The step that trains and releases after a merge."""
        settings = {"RATCHET_MLFLOW_URI": self.mlflow, "RATCHET_HOME": str(self.room / "home")}
        text = script("release", "model", "Train, and let the gate decide")
        return self.run(text, folder, **settings, REASON=reason, ACTOR="ada")

    def branch(self, name: str, change: Callable[[Path], None]) -> Path:
        """A clone of the repository with a change."""
        folder = self.room / name
        subprocess.run(["git", "clone", "-q", str(self.repository), str(folder)], check=True)
        change(folder)
        return folder

    def check(self, folder: Path, job: str) -> Done:
        """The step of a pull request that a job is for; the machine knows nothing but the registry's address."""
        names = {"data": "Data keeps the contract in force", "model": "The gate's word on a model of this branch"}
        home = folder / f"home-{job}"
        settings = {"RATCHET_MLFLOW_URL": self.mlflow, "RATCHET_HOME": str(home), "REASON": "pull request 7"}
        return self.run(script("pull-request", job, names[job]), folder, **settings)

    def registered(self) -> tuple[int, dict[str, int]]:
        """The newest version of the problem and where its aliases point, as the server tells them."""
        address = f"{self.mlflow}/api/2.0/mlflow/registered-models/get?name=late"
        with urllib.request.urlopen(address, timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)["registered_model"]
        newest = max(int(one["version"]) for one in found["latest_versions"])
        return newest, {one["alias"]: int(one["version"]) for one in found["aliases"]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MLflow as in production: artifacts go through it."""
    room = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{room / 'mlflow.db'}", "--serve-artifacts"),
        *("--artifacts-destination", (room / "artifacts").as_uri()),
    ]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (room / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=room, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait(5)


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + 120
    while time.monotonic() < limit and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise AssertionError("MLflow did not start")


@pytest.fixture(scope="module")
def production(server: str, tmp_path_factory: pytest.TempPathFactory) -> Production:
    """A repository whose main branch has been released once, by the release workflow's own step."""
    room = tmp_path_factory.mktemp("production")
    repository = room / "main"
    repository.mkdir()
    write_table(repository / "late.csv")
    (repository / "late.yaml").write_text(PROBLEM)
    git = ["git", "-C", str(repository), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "A problem"]):
        subprocess.run([*git, *command], check=True)
    made = Production(repository, server, room)
    done = made.release(repository, "merge of 1")
    assert done.code == 0, done.told
    assert done.page.startswith("## late: promote, version 1"), done.page
    return made


def test_a_change_that_changes_nothing_of_the_model_passes(production: Production) -> None:
    folder = production.branch("harmless", lambda folder: (folder / "notes.md").write_text("a note"))
    data, model = production.check(folder, "data"), production.check(folder, "model")
    assert (data.code, model.code) == (0, 0), data.told + model.told
    assert "| Checked against | the contract of champion 1 |" in data.page
    assert "the candidate is the champion, bit for bit" in model.page
    assert production.registered() == (1, {"champion": 1})
    tell = fake_gh(folder)
    done = production.run(tell, folder, NUMBER="7", GH_TOKEN="none", GH_REPO="team/late")
    assert done.code == 0, done.told
    assert (folder / "said").read_text() == "pr comment 7 --body-file comment.md --edit-last --create-if-none\n"
    body = (folder / "comment.md").read_text()
    assert body.index("# Data: late") < body.index("# Model: late")


def fake_gh(folder: Path) -> str:
    """The step that comments, with a `gh` that writes down what it was asked."""
    (folder / "bin").mkdir()
    (folder / "bin" / "gh").write_text('#!/bin/sh\necho "$*" > said\n')
    (folder / "bin" / "gh").chmod(0o755)
    return script("pull-request", "comment", "Tell the reviewer")


def test_data_that_breaks_the_contract_in_production_stops_the_change(production: Production) -> None:
    def rename(folder: Path) -> None:
        table = folder / "late.csv"
        table.write_text(table.read_text().replace(",load,", ",weight,", 1))

    folder = production.branch("renamed", rename)
    data, model = production.check(folder, "data"), production.check(folder, "model")
    assert (data.code, model.code) == (5, 5), data.told + model.told
    assert "the schema breaks the contract: column 'load' is missing" in data.page
    assert production.registered() == (1, {"champion": 1})


def test_a_worse_model_stops_the_change_and_never_reaches_the_registry(production: Production) -> None:
    def blunt(folder: Path) -> None:
        (folder / "late.yaml").write_text(PROBLEM.replace("[linear]", "[{name: linear, params: {C: 0.0001}}]"))

    folder = production.branch("worse", blunt)
    model = production.check(folder, "model")
    assert model.code == 1, model.told
    assert "the candidate would not be promoted" in model.page
    assert "log_loss is not credibly better than champion 1" in model.page
    assert production.registered() == (1, {"champion": 1})


def test_a_column_left_out_on_purpose_is_told_to_whoever_sends_rows(production: Production) -> None:
    def leave_out(folder: Path) -> None:
        (folder / "late.yaml").write_text(PROBLEM + "features: {ignored: [line]}\n")

    data = production.check(production.branch("narrower", leave_out), "data")
    assert data.code == 0, data.told
    assert "column 'line' is no longer asked for" in data.page


def test_a_merge_lets_the_gate_decide_again(production: Production) -> None:
    def grow(folder: Path) -> None:
        write_table(folder / "late.csv", 700)

    folder = production.branch("grown", grow)
    done = production.release(folder, "merge of 2")
    assert done.code == 0, done.told
    assert "version 2" in done.page
    assert production.registered()[0] == 2
