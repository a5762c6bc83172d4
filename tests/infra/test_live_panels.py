"""A real Prometheus over a real stack: every panel of every dashboard has data, and nothing fires that should not."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

INFRA = Path(__file__).parents[2] / "infra"
PORTS = {f"RATCHET_{name}_PORT": "0" for name in ("SERVICE", "MLFLOW", "PREFECT", "EVIDENTLY", "CONSOLE")}
PROBLEM = """name: trains
data: {source: trains.csv, target: late, time: at, label_delay: 1h}
features: {history: [{name: rate, by: [line], of: late, window: 7d}]}
learners: [{name: linear, params: {C: 1.0}}]
"""
ELSEWHERE = ("haproxy_", "SeaweedFS_")
"""Metrics of parts that the embedded stack does not have: tests/docker looks at their panels."""

pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs prometheus: Debian package prometheus"),
]


@dataclass(frozen=True)
class Stack:
    """The embedded stack with two prediction workers, and a Prometheus that scrapes it every other second."""

    home: Path
    prometheus: str
    key: str

    def url(self, name: str) -> str:
        """Where a process of the stack is."""
        return str(json.loads((self.home / "run" / "stack" / f"{name}.json").read_text())["url"])

    def ratchet(self, *arguments: str) -> Any:
        return ratchet(self.home, *arguments)

    def post(self, path: str, body: Any) -> httpx.Response:
        headers = {"X-API-Key": self.key}
        return httpx.post(self.url("prediction") + path, json=body, headers=headers, timeout=30, trust_env=False)


def ratchet(home: Path, *arguments: str) -> Any:
    """What a command says with --json."""
    command = [str(Path(sys.executable).with_name("ratchet")), *arguments, "--json"]
    done = subprocess.run(command, cwd=home.parent, env=environment(home), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RATCHET_", "PREFECT_"))}
    ours = {"RATCHET_HOME": str(home), "RATCHET_WORKERS": "2", "RATCHET_REQUIRE_KEYS": "always", **PORTS}
    return {**kept, **ours, "RATCHET_REHEARSAL": "false"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, load_file: Any) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("live") / "home"
    trains = load_file(Path(__file__).parents[1] / "toy_runs.py").trains_table(900, 0)
    trains.to_csv(home.parent / "trains.csv", index=False)
    (home.parent / "trains.yaml").write_text(PROBLEM)
    home.mkdir()
    key = ratchet(home, "keys", "create", "prometheus", "--scope", "admin")["key"]
    up = subprocess.run(
        [str(Path(sys.executable).with_name("ratchet")), "up"], cwd=home.parent, env=environment(home), check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        with prometheus(home, key) as url:
            yield Stack(home, url, key)
    finally:
        down = [str(Path(sys.executable).with_name("ratchet")), "down"]
        subprocess.run(down, cwd=home.parent, env=environment(home), check=False, capture_output=True)


@contextmanager
def prometheus(home: Path, key: str) -> Iterator[str]:
    """Prometheus with our own configuration: other addresses, and looking every other second."""
    folder = home.parent / "prometheus"
    shutil.copytree(INFRA / "prometheus" / "rules", folder / "rules")
    (folder / "key").write_text(key)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    write_configuration(folder, home, port)
    command = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], cwd=folder, stderr=log)
    try:
        until(lambda: httpx.get(f"http://127.0.0.1:{port}/-/ready", trust_env=False).is_success, 60)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def write_configuration(folder: Path, home: Path, port: int) -> None:
    content = YAML(typ="safe").load((INFRA / "prometheus" / "prometheus.yml").read_text())
    content["global"] = {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "2s"}
    del content["alerting"]
    jobs = {job["job_name"]: job for job in content["scrape_configs"]}
    del jobs["prediction"]["dns_sd_configs"]
    where = {
        name: json.loads((home / "run" / "stack" / f"{name}.json").read_text())["url"]
        for name in ("prediction", "console")
    }
    where["prometheus"] = f"http://127.0.0.1:{port}"
    for name, url in where.items():
        jobs[name]["static_configs"] = [{"targets": [url.removeprefix("http://")]}]
        if "authorization" in jobs[name]:
            jobs[name]["authorization"] = {"credentials_file": "key"}
    content["scrape_configs"] = [jobs[name] for name in where]
    with (folder / "prometheus.yml").open("w") as file:
        YAML(typ="safe").dump(content, file)


def until(arrived: Callable[[], Any], seconds: float) -> None:
    """Wait until something holds; what does not answer yet does not hold."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if arrived():
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.2)


def week(place: Path) -> tuple[list[dict[str, Any]], list[bool]]:
    """What was to be predicted in the week after the training, and how it came out."""
    table = list(csv.DictReader(place.read_text().splitlines()))
    table = [one for one in table if "2024-02-16" <= one["at"] < "2024-02-23"]
    rows = [
        {
            "at": one["at"].replace(" ", "T"),
            "line": one["line"] or None,
            **{name: float(one[name]) if one[name] else None for name in ("rain", "noise")},
        }
        for one in table
    ]
    return rows, [one["late"] == "True" for one in table]


def live(stack: Stack) -> None:
    """Train, predict, label, and judge: what the panels are to show."""
    assert stack.ratchet("train", "trains.yaml", "--as-of", "2024-02-15")["decision"] == "promote"
    rows, truth = week(stack.home.parent / "trains.csv")
    until(lambda: stack.post("/v1/models/trains/predict", {"instances": rows[:1]}).status_code == 200, 60)
    ids = [one["id"] for one in stack.post("/v1/models/trains/predict", {"instances": rows}).json()["predictions"]]
    known = {"known_at": "2024-02-23T02:00:00Z"}
    labels = [{"id": one, "label": label, **known} for one, label in zip(ids, truth, strict=True)]
    assert stack.post("/v1/models/trains/labels", {"labels": labels}).status_code == 200
    stack.ratchet("monitor", "trains", "--start", "2024-02-16", "--end", "2024-02-23", "--as-of", "2024-02-24")


def test_every_panel_shows_something_of_a_stack_that_lives(stack: Stack, load_file: Any) -> None:
    dashboards = load_file(Path(__file__).with_name("dashboards.py"))
    live(stack)
    row = {"at": "2024-02-20T00:00:00", "rain": 0.5, "noise": 0.0, "line": "S1"}
    deadline = time.monotonic() + 90
    empty = ["not asked yet"]
    while empty and time.monotonic() < deadline:
        for _ in range(20):
            assert stack.post("/v1/models/trains/predict", {"instances": [row]}).status_code == 200
        answer = stack.post("/v1/models/trains/predict", {"instances": [row]}).json()["predictions"][0]
        stack.post("/v1/models/trains/labels", {"labels": [{"id": answer["id"], "label": False}]})
        stack.post("/v1/models/trains/predict", {"instances": []})  # refused, and counted so
        time.sleep(1)
        empty = [(one.board, one.title, one.query) for one in dashboards.empty_panels(stack.prometheus, ELSEWHERE)]
    assert not empty

    ask = lambda query: dashboards.answer(stack.prometheus, query)  # noqa: E731
    assert {one["metric"]["job"]: one["value"][1] for one in ask("up")} == {
        "prediction": "1",
        "console": "1",
        "prometheus": "1",
    }
    assert ask("sum(ratchet_workers)")[0]["value"][1] == "2"  # both workers tell, whoever answers the scrape
    assert float(ask("sum(ratchet_rows_total)")[0]["value"][1]) > 130
    firing = {one["metric"]["alertname"] for one in ask('ALERTS{alertstate="firing"}')}
    assert firing == {"Watchdog"}


def test_what_dies_is_told_of(stack: Stack, load_file: Any) -> None:
    dashboards = load_file(Path(__file__).with_name("dashboards.py"))
    record = json.loads((stack.home / "run" / "stack" / "mlflow.json").read_text())
    os.killpg(record["pid"], signal.SIGKILL)  # the server and its worker
    pending = 'ALERTS{alertname="RatchetNeighbourDown", name="mlflow"}'
    until(lambda: dashboards.answer(stack.prometheus, pending), 60)
    assert not dashboards.answer(stack.prometheus, 'ratchet_neighbour_up{name=~"database|prefect"} == 0')
