"""The stack as a team would use it: all up and shut in, the demo's story on it, the API by its published port."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from datetime import datetime
from typing import Any

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1200)]

PAGES = {
    "MLFLOW": "/health",
    "PREFECT": "/api/health",
    "EVIDENTLY": "/api/version",
    "CONSOLE": "/healthz",
    "PROMETHEUS": "/-/ready",
    "API": "/healthz",
}
SERVING_MOST = 900  # MB beyond the base image
SECRET = re.compile(r"://\w+:[^@/\s]+@|password[=:]|(secret|access)_key[=:]|rk_")
SCHEDULER = "tcp://dask-scheduler:8786"
MOVES = f"""
import json
from distributed import Client
with Client({SCHEDULER!r}) as client:
    tasks = client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter)
    print(json.dumps({{"tasks": tasks, "workers": len(client.scheduler_info(-1)["workers"])}}))
"""


def status(url: str, headers: dict[str, str] | None = None) -> int:
    """The HTTP status of a GET."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture(scope="module")
def story(stack: Any) -> dict[str, Any]:
    """The demo's first week, told by the container that `--profile demo` starts."""
    words = ("--profile", "demo", "run", "--rm", "-T", "--no-deps", "seed", "ratchet", "demo", "--weeks", "1", "--json")
    found: dict[str, Any] = json.loads(stack.compose(*words, seconds=420))
    stack.figures["demo_week_s"] = found["seconds"]
    return found


@pytest.mark.parametrize("door", PAGES)
def test_every_door_answers(stack: Any, door: str) -> None:
    assert status(stack.url(door) + PAGES[door]) == 200


def test_the_doctor_finds_nothing_wrong(stack: Any) -> None:
    found = stack.ratchet("doctor")
    wrong = [one for one in found["findings"] if one["level"] == "error"]
    assert wrong == []


def test_nothing_runs_as_root_or_can_write_its_own_files(stack: Any, run_docker: Any) -> None:
    ids = stack.compose("ps", "-q").split()
    for one in json.loads(run_docker("inspect", *ids)):
        name = one["Name"]
        assert one["Config"]["User"] not in ("", "root", "0"), name
        assert one["HostConfig"]["ReadonlyRootfs"], name
        assert one["HostConfig"]["CapDrop"] == ["ALL"], name
        assert "no-new-privileges:true" in one["HostConfig"]["SecurityOpt"], name
        told = " ".join([*one["Config"]["Env"], *one["Args"]]).lower()
        assert SECRET.search(told) is None, name
        for bindings in (one["HostConfig"]["PortBindings"] or {}).values():
            assert {binding["HostIp"] for binding in bindings} == {"127.0.0.1"}, name


def test_the_stores_have_no_door(stack: Any, run_docker: Any) -> None:
    assert json.loads(run_docker("network", "inspect", stack.named("stores")))[0]["Internal"]
    for service in ("postgres", "s3"):
        found = json.loads(run_docker("inspect", *stack.containers(service)))[0]
        assert list(found["NetworkSettings"]["Networks"]) == [stack.named("stores")]
        assert not found["HostConfig"]["PortBindings"]


def test_the_images_hold_what_they_must_and_no_more(stack: Any, run_docker: Any) -> None:
    base = size_of(run_docker, "python:3.11-slim-bookworm")
    names = {"prediction": "ratchet/prediction:local", "platform": "ratchet/platform:local", "s3": "ratchet/s3:local"}
    sizes = {name: size_of(run_docker, image) for name, image in names.items()}
    stack.figures["image_mb"] = {"base": base, **sizes}
    assert sizes["prediction"] - base < SERVING_MOST
    tools = ("mlflow", "prefect", "dvc", "evidently", "duckdb", "dask", "optuna")
    program = f"import importlib.util as u; print([name for name in {tools} if u.find_spec(name)])"
    assert run_docker("run", "--rm", "--network=none", names["prediction"], "python", "-c", program).strip() == "[]"


def size_of(run_docker: Any, image: str) -> int:
    return round(json.loads(run_docker("image", "inspect", image))[0]["Size"] / 1e6)


def test_the_demo_tells_the_same_story_as_the_embedded_default(stack: Any, story: Any, embedded: Any) -> None:
    first, beside = story["decisions"][0], embedded()
    assert first["decision"] == "promote"
    assert (first["snapshot"], first["model_digest"]) == (beside["snapshot"], beside["model_digest"])
    assert story["weeks"][0]["asked"] > 5_000
    assert story["weeks"][0]["labels"] > 5_000
    assert story["ledger"]["intact"]
    again = stack.ratchet("demo")
    assert "knows flights already" in again["skipped"]


def test_the_api_asks_for_a_key_at_its_published_port(stack: Any, story: Any) -> None:
    url = f"{stack.url('API')}/v1/models"
    key = stack.ratchet("keys", "create", "life", "--scope", "read")["key"]
    assert status(url) == 401
    assert status(url, {"X-API-Key": "rk_wrong"}) == 401
    assert status(url, {"X-API-Key": key}) == 200


def test_the_worker_retrains_by_prefect_and_the_gate_decides(stack: Any, story: Any) -> None:
    found = stack.ratchet("train", "flights", "--as-of", "2013-03-08", "--worker")
    assert found["decision"] in ("promote", "keep", "not_enough_data")
    assert found["version"] == 2


def test_what_workers_of_dask_made_is_made_here_bit_for_bit_from_what_s3_keeps(stack: Any, story: Any) -> None:
    stack.compose("--profile", "dask", "up", "-d", "--no-build", "--no-recreate", "dask-scheduler", "dask-worker")
    try:
        words = ("exec", "-T", "-e", f"RATCHET_DASK={SCHEDULER}", "worker", "ratchet", "train", "flights")
        made = json.loads(stack.compose(*words, "--as-of", "2013-03-05", "--json"))
        moved = stack.python(MOVES)
    finally:
        stack.compose("--profile", "dask", "rm", "-s", "-f", "dask-scheduler", "dask-worker")
    assert moved["workers"] == 2
    assert moved["tasks"] > 0
    found = stack.ratchet("reproduce", f"flights@{made['version']}")
    assert (found["outcome"], found["made_digest"]) == ("same", made["model_digest"])


def test_prometheus_reaches_every_replica(stack: Any, story: Any) -> None:
    with urllib.request.urlopen(f"{stack.url('PROMETHEUS')}/api/v1/targets?state=active", timeout=10) as answer:
        targets = json.loads(answer.read())["data"]["activeTargets"]
    down = [(one["labels"]["job"], one["lastError"]) for one in targets if one["health"] == "down"]
    assert down == []
    assert sum("8000" in one["scrapeUrl"] for one in targets) == 2
    assert datetime.fromisoformat(targets[0]["lastScrape"][:19])


def test_every_panel_of_the_models_board_has_data(story: Any, empty_panels: Any) -> None:
    assert [one for one in empty_panels("model") if "rate(" not in one.query] == []  # nobody asks at the moment
