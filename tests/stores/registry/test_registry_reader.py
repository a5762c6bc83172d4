"""All readers answer alike: over a real MLflow server, over the embedded store's file, and through MLflow itself."""

from __future__ import annotations

import dataclasses
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

from pipelines.core.errors import ModelFileError, NotFound, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.bundles.bundle import write_bundle
from pipelines.stores.registry.registry import Registry
from pipelines.stores.registry.registry_reader import LocalReader, MlflowReader, RegistryReader, RestReader, open_reader


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


@pytest.fixture(params=["rest", "local", "mlflow over a server", "mlflow over a file"])
def reader(request: pytest.FixtureRequest) -> Iterator[RegistryReader]:
    settings = request.getfixturevalue("server" if request.param in ("rest", "mlflow over a server") else "embedded")
    opened: Any = MlflowReader(settings) if request.param.startswith("mlflow") else open_reader(settings)
    with closing(opened):
        yield opened


def test_the_store_says_which_reader_suits_it(server: Settings, embedded: Settings, tmp_path: Path) -> None:
    elsewhere = Settings(home=tmp_path, mlflow_uri="postgresql://nobody@127.0.0.1/mlflow")
    kinds = {RestReader: server, LocalReader: embedded, MlflowReader: elsewhere}
    for kind, settings in kinds.items():
        with closing(open_reader(settings)) as opened:  # type: ignore[type-var]
            assert type(opened) is kind


def test_problems_and_champions(reader: RegistryReader) -> None:
    assert reader.problems() == ["flights", "houses"]
    assert reader.champions() == {"flights": 2, "houses": None}
    assert reader.aliases() == {"flights": {"challenger": 1, "champion": 2}, "houses": {}}
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


def test_any_release_is_described(reader: RegistryReader) -> None:
    release = reader.release("flights", 1)
    assert (release.version, release.run_key, release.aliases) == (1, "one", ("challenger",))
    assert reader.release("flights", 2) == reader.champion("flights")
    assert reader.release("houses", 1).aliases == ()
    for problem, version in (("flights", 3), ("absent", 1)):
        with pytest.raises(NotFound):
            reader.release(problem, version)


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


def test_a_bundle_that_is_gone_is_told(embedded: Settings, tmp_path: Path) -> None:
    with closing(open_reader(embedded)) as reader:
        gone = dataclasses.replace(reader.release("flights", 1), source=(tmp_path / "gone").as_uri())
        with pytest.raises(ModelFileError, match="is not there"):
            reader.fetch(gone, tmp_path / "bundle")


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
        "import sys; from pipelines.stores.registry.registry_reader import RestReader; "
        f"print(RestReader({server.mlflow_url!r}).champions()); assert 'mlflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "{'flights': 2, 'houses': None}"), done.stderr
