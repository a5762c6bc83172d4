from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.steps.evaluate import evaluate
from pipelines.stores.bundles.bundle import Bundle, write_bundle
from pipelines.stores.registry.stage import Refused, on_stage
from pipelines.stores.releases.release_files import stage_bundle
from pipelines.stores.storage.files import read_json


@pytest.fixture
def staged(toy: ModuleType, settings: Settings) -> Path:
    """The bundle of a run that is not decided on."""
    run = toy.make_run(settings)
    card, _ = toy.judged(run, None, evaluate)
    found: Path = stage_bundle(run.loaded, run.folder, toy.lineage(run), card)
    return found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def history(staged: Path) -> Path:
    return staged.parent / "history"


def children() -> list[Any]:
    return [one for one in psutil.Process().children() if "services.prediction" in one.cmdline()]


def test_the_service_serves_this_one_bundle_and_is_gone_afterwards(
    staged: Path, place: Path, settings: Settings
) -> None:
    before = sorted(path for path in settings.home.rglob("*"))
    row = Bundle.open(staged).probe.rows[0]
    with on_stage(staged, history(staged), place, "auto") as stage:
        status, content = stage.predict("trains", [row])
        assert (status, content["model"]["version"]) == (200, 1)
        assert stage.seconds > 0
        assert stage.compiled("trains")
        assert stage.predict("boats", [row])[0] == 404
        (process,) = children()
        addresses = {one.laddr.ip for one in process.net_connections() if one.status == "LISTEN"}
        assert addresses == {"127.0.0.1"}
    assert not process.is_running()
    assert sorted(path for path in settings.home.rglob("*")) == before, "the real home is left alone"
    assert [path.name for path in place.iterdir()] == ["service.log"]


def test_it_is_gone_when_the_block_fails_too(staged: Path, place: Path) -> None:
    with pytest.raises(ZeroDivisionError), on_stage(staged, history(staged), place, "off"):
        raise ZeroDivisionError
    assert children() == []


def test_a_release_that_fails_its_own_probe_is_refused(staged: Path, place: Path) -> None:
    probe = read_json(staged / "ratchet" / "probe.json")
    probe["scores"][0] = [0.5, 0.5]
    write_bundle(staged, {"probe.json": probe}, {})
    with pytest.raises(Refused, match="answers its own probe rows wrongly"), on_stage(staged, None, place, "auto"):
        pass
    assert children() == []


def test_a_service_that_does_not_start_is_unavailable(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unavailable, match="manifest"), on_stage(tmp_path / "none", None, place, "auto"):
        pass
    monkeypatch.setattr("pipelines.stores.registry.stage.START_SECONDS", 0.0)
    with pytest.raises(Unavailable, match="was not up"), on_stage(tmp_path / "none", None, place, "auto"):
        pass
    assert children() == []


@pytest.mark.faults
def test_it_ends_when_whoever_started_it_is_killed(staged: Path, place: Path) -> None:
    program = (
        "import sys, time, pathlib\n"
        "from pipelines.stores.registry.stage import on_stage\n"
        "staged, place = map(pathlib.Path, sys.argv[1:])\n"
        "with on_stage(staged, staged.parent / 'history', place, 'auto'):\n"
        "    print('up', flush=True)\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program, str(staged), str(place)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    (service,) = psutil.Process(process.pid).children()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 20
    while service.is_running() and service.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not service.is_running() or service.status() == psutil.STATUS_ZOMBIE
    assert [path.name for path in place.iterdir()] == ["service.log"]
