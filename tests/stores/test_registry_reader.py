"""Both readers answer alike, from a real MLflow server and from the embedded store."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipelines.core.errors import ModelFileError, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.bundle import write_bundle
from pipelines.stores.registry import Registry
from pipelines.stores.registry_reader import LocalReader, RegistryReader, RestReader, open_reader


def make_bundle(folder: Path, content: str) -> None:
    folder.mkdir(parents=True)
    (folder / "model.skops").write_text(content)
    write_bundle(folder, {"release.json": {"problem": "x"}, "a ü b.txt": content}, {})


def fill(settings: Settings, folder: Path) -> None:
    """`flights` with two releases and a champion, `houses` with one that was never promoted."""
    registry = Registry(settings)
    for problem, key in (("flights", "one"), ("flights", "two"), ("houses", "three")):
        make_bundle(folder / key, key)
        run_id = registry.start_run(problem, key)
        registry.register(problem, run_id, folder / key, f"digest-{key}", key)
    registry.set_alias("flights", "champion", 2)
    registry.set_alias("flights", "challenger", 1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("embedded")
    settings = Settings(home=folder / "home")
    fill(settings, folder / "bundles")
    return settings


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A server that hands artifacts out itself, filled through its API."""
    folder = tmp_path_factory.mktemp("server")
    port = free_port()
    command = [
        *(
            sys.executable,
            "-m",
            "mlflow",
            "server",
            "--workers",
            "1",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ),
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--serve-artifacts"),
        *("--artifacts-destination", (folder / "artifacts").as_uri()),
    ]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process, folder / "log")
        settings = Settings(home=folder / "home", mlflow_uri=url, mlflow_url=url)
        fill(settings, folder / "bundles")
        yield settings
    finally:
        process.terminate()
        process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        try:
            if httpx.get(f"{url}/health", trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        assert process.poll() is None, log.read_text()[-2000:]
        time.sleep(0.1)
    raise AssertionError(log.read_text()[-2000:])


@pytest.fixture(params=["rest", "local", "local over a server"])
def reader(request: pytest.FixtureRequest) -> Iterator[RegistryReader]:
    settings = request.getfixturevalue("embedded" if request.param == "local" else "server")
    opened: Any = open_reader(settings) if request.param != "local over a server" else LocalReader(settings)
    assert isinstance(opened, RestReader if request.param == "rest" else LocalReader)
    with closing(opened):
        yield opened


def test_problems_and_champions(reader: RegistryReader) -> None:
    assert reader.problems() == ["flights", "houses"]
    assert reader.champions() == {"flights": 2, "houses": None}
    assert reader.champion("houses") is None
    assert reader.champion("absent") is None


def test_a_champion_is_described_in_full(reader: RegistryReader) -> None:
    release = reader.champion("flights")
    assert release is not None
    assert (release.problem, release.version, release.digest, release.run_key) == (
        "flights",
        2,
        "digest-two",
        "two",
    )
    assert release.aliases == ("champion",)
    assert len(release.run_id) == 32
    assert abs(release.created_at - time.time()) < 600


def test_a_bundle_is_fetched_whole(reader: RegistryReader, tmp_path: Path) -> None:
    release = reader.champion("flights")
    assert release is not None
    folder = reader.fetch(release, tmp_path / "new" / "bundle")
    assert folder == tmp_path / "new" / "bundle"
    assert (folder / "model.skops").read_text() == "two"
    assert (folder / "ratchet" / "a ü b.txt").read_text() == "two"
    assert {path.name for path in folder.parent.iterdir()} == {"bundle"}


def test_a_bundle_of_another_manifest_is_refused(reader: RegistryReader, tmp_path: Path) -> None:
    release = reader.champion("flights")
    assert release is not None
    release.tags["ratchet.manifest"] = "0" * 64
    with pytest.raises(ModelFileError, match="manifest"):
        reader.fetch(release, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_run_and_a_path_are_places_too(server: Settings, embedded: Settings, tmp_path: Path) -> None:
    with closing(RestReader(str(server.mlflow_url))) as reader:
        release = reader.champion("flights")
        assert release is not None
        assert reader._place(f"runs:/{release.run_id}/x").endswith(f"/{release.run_id}/artifacts/x")
        assert reader._place("file:///x/y") == "file:///x/y"


def test_a_server_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    port = free_port()
    with (
        closing(RestReader(f"http://127.0.0.1:{port}")) as reader,
        pytest.raises(Unavailable, match="does not answer"),
    ):
        reader.champions()


def test_the_rest_reader_needs_no_mlflow(server: Settings) -> None:
    program = (
        "import sys; from pipelines.stores.registry_reader import RestReader; "
        f"print(RestReader({server.mlflow_url!r}).champions()); assert 'mlflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "{'flights': 2, 'houses': None}"), done.stderr
