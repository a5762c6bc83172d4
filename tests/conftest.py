"""What every test gets: no telemetry, few threads, a home of its own."""

from __future__ import annotations

import os

# Before any tool is imported: two cores are easily oversubscribed, and nothing phones home.
os.environ.update(
    {
        "OMP_NUM_THREADS": "1",
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DVC_NO_ANALYTICS": "1",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
    }
)

import importlib.util
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from pipelines.core.settings import Settings

hypothesis_settings.register_profile(
    "ratchet",
    deadline=None,
    derandomize=True,
    # `fresh` gives each example a database of its own: that its fixture is made once is meant
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis_settings.load_profile("ratchet")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with a home of the test's own; RATCHET_HOME points there too."""
    for name in list(os.environ):
        if name.startswith("RATCHET_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RATCHET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RATCHET_REHEARSAL", "false")  # seconds per release: tests that are about it turn it on
    return Settings()


def load(place: Path) -> Any:
    """The module of a file that is in no package, as the test folders are none, by its path."""
    spec = importlib.util.spec_from_file_location(place.stem, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[place.stem] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def beside(name: str) -> Any:
    """The module of a file beside this one."""
    return load(Path(__file__).with_name(f"{name}.py"))


@pytest.fixture(scope="session")
def load_file() -> Any:
    """The function `load`, for the folders below."""
    return load


@pytest.fixture(scope="session")
def post_offices() -> Any:
    """tests/post_offices.py."""
    return beside("post_offices")


@pytest.fixture(scope="session")
def s3_running() -> Iterator[Any]:
    """A real S3 server (tests/s3_server.py), one for the session."""
    with beside("s3_server").s3_server() as server:
        yield server


@pytest.fixture
def s3(s3_running: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The S3 server, with this process's AWS credentials set to its own; `new_bucket()` names a bucket to make."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in s3_running.environment.items():
        monkeypatch.setenv(name, value)
    return s3_running


@pytest.fixture(scope="session")
def toy() -> Any:
    """tests/toy_runs.py: real releases in a second each."""
    return beside("toy_runs")


@pytest.fixture(scope="session")
def year() -> Any:
    """tests/console_year.py."""
    return beside("console_year")


@pytest.fixture(scope="session")
def dask_clusters() -> Any:
    """tests/dask_clusters.py."""
    return beside("dask_clusters")


@pytest.fixture(scope="session")
def databases() -> Any:
    """tests/databases.py."""
    return beside("databases")


@pytest.fixture(scope="session")
def postgresql(databases: Any) -> Iterator[Any]:
    """A real PostgreSQL server, one for the session; `make()` gives the address of a fresh database."""
    with databases.running_server() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database of the test's own: the test runs on SQLite, and on PostgreSQL where it can be.

    A test for one of them only: `@pytest.mark.parametrize("database", ["sqlite"], indirect=True)`.
    """
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ratchet.db'}"
        return
    server = request.getfixturevalue("postgresql")
    url = server.make()
    yield url
    server.drop(url)


@pytest.fixture
def fresh(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Gives at each call the address of a database that holds nothing: for the many examples of one test."""
    if database.startswith("sqlite"):
        numbers = itertools.count()
        return lambda: f"sqlite:///{tmp_path / f'fresh{next(numbers)}.db'}"
    server = request.getfixturevalue("postgresql")
    return lambda: str(server.emptied(database))
