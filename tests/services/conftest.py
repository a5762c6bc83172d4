"""Two small problems with real releases: `loans` (binary, all kinds of feature), `trips` (history)."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
import uvicorn
from fastapi import FastAPI

from pipelines.core.contract import Contract, check, encode_target, infer_contract
from pipelines.core.digest import model_digest
from pipelines.core.history import HistoryIndex
from pipelines.core.learners import make_pipeline
from pipelines.core.problem import Problem
from pipelines.core.scoring import model_input, score
from pipelines.core.settings import Settings
from pipelines.stores.bundles.bundle import Bundle, write_bundle
from pipelines.stores.bundles.compiled_file import compile_release
from pipelines.stores.bundles.model_file import save_model
from pipelines.stores.data import history_store
from pipelines.stores.registry.registry import Registry
from pipelines.stores.storage.files import read_json
from services.prediction.app import create_app

ODD = 'größe "m²" [x]'


def as_json(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as JSON has them."""
    return [{name: _plain(value) for name, value in row.items()} for row in frame.to_dict("records")]


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return value.isoformat() if isinstance(value, pd.Timestamp) else value


@dataclass
class Toy:
    """A problem, its table, and what a release of it is made of."""

    problem: Problem
    frame: pd.DataFrame
    history: list[str] = field(default_factory=list)
    index: HistoryIndex | None = None

    @property
    def name(self) -> str:
        return self.problem.name

    @property
    def contract(self) -> Contract:
        return infer_contract(self.problem, self.frame)

    def rows(self, count: int = 3) -> list[dict[str, Any]]:
        """Rows as a client sends them."""
        names = [column.name for column in self.contract.columns if column.asked]
        return as_json(self.frame[names].head(count))

    def bundle(self, folder: Path, strength: float = 1.0) -> str:
        """Write a release's bundle; its model digest. Another strength is another model."""
        contract = self.contract
        task = contract.task
        learner, params = ("linear", {"C": strength}) if task != "regression" else ("linear", {"alpha": strength})
        typed = self._input(check(contract, self.frame).frame)
        pipeline = make_pipeline(learner, contract, self.history, task, params, 0)
        pipeline.fit(typed, encode_target(contract, self.frame[contract.target]))
        digest = model_digest(pipeline)
        save_model(pipeline, folder / "model.skops")
        rows = self.rows(5)
        probe = self._input(check(contract, pd.DataFrame(rows)).frame)
        scores = score(pipeline, task, probe).reshape(len(rows), -1)
        history = {name: [None if value != value else value for value in probe[name]] for name in self.history}
        release = {
            "problem": self.name,
            "task": task,
            "run_id": "r",
            "model_digest": digest,
            "history": self.history,
        }
        documents = {
            "release.json": release,
            "contract.json": contract.model_dump(mode="json"),
            "problem.json": self.problem.model_dump(mode="json"),
            "probe.json": {"rows": rows, "history": history, "scores": scores.tolist()},
        }
        write_bundle(folder, documents, {})
        return digest

    def compile(self, folder: Path) -> None:
        """Add the compiled form to a bundle, as a release has it."""
        bundle = Bundle(folder)
        frame = self._input(check(bundle.contract, self.frame).frame)
        proven = compile_release(bundle.pipeline, bundle.contract, self.history, frame)
        assert proven.serving["compiled"], proven.serving
        kept = {name: read_json(folder / "ratchet" / name) for name in ("contract.json", "problem.json", "probe.json")}
        release = {**bundle.release, "serving": proven.serving}
        write_bundle(folder, {"release.json": release, **kept, **proven.documents}, {})

    def _input(self, frame: pd.DataFrame) -> pd.DataFrame:
        times = frame[self.problem.data.time].to_numpy() if self.problem.data.time else None
        return model_input(frame, self.index, times)


def make_loans() -> Toy:
    random = np.random.default_rng(7)
    size = 200
    frame = pd.DataFrame(
        {
            "id": [f"L{number}" for number in range(size)],
            "amount": random.integers(1, 1000, size).astype(float),
            "purpose": random.choice(["car", "house", "other"], size),
            "region": random.choice(["north", "süd", "east"], size),
            "employed": random.random(size) > 0.5,
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 900, size), "D"),
            ODD: random.normal(size=size),
        }
    )
    frame.loc[::9, "region"] = None
    frame["repaid"] = np.where(frame["amount"] + random.normal(0, 200, size) < 500, "yes", "no")
    frame["since"] = frame["since"].dt.strftime("%Y-%m-%dT%H:%M:%S")
    problem = Problem.model_validate(
        {
            "name": "loans",
            "question": "Will it be <repaid>?",
            "data": {"source": "loans.csv", "target": "repaid", "key": "id"},
            "features": {
                "numeric": ["amount", ODD],
                "categorical": ["purpose", "region"],
                "datetime": "since",
                "overrides": {
                    "amount": {"minimum": 0, "required": True},
                    "purpose": {"categories": ["car", "house", "other"]},
                },
            },
            "serving": {"max_rows": 200},
        }
    )
    return Toy(problem, frame)


def make_trips() -> Toy:
    random = np.random.default_rng(3)
    size = 300
    frame = pd.DataFrame(
        {
            "at": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(size), "h"),
            "line": random.choice(["a", "b", "c"], size),
            "distance": random.uniform(1, 20, size),
        }
    )
    frame["minutes"] = frame["distance"] * 3 + (frame["line"] == "b") * 10 + random.normal(size=size)
    problem = Problem.model_validate(
        {
            "name": "trips",
            "data": {"source": "trips.csv", "target": "minutes", "time": "at", "label_delay": "1h"},
            "features": {
                "history": [{"name": "minutes_1d", "by": "line", "of": "minutes", "how": "mean", "window": "1d"}]
            },
        }
    )
    known = frame.assign(__time=frame["at"], __known_at=frame["at"] + pd.Timedelta("1h"), __y=frame["minutes"])
    known[["__time", "__known_at"]] = known[["__time", "__known_at"]].astype("datetime64[us]")
    index = HistoryIndex.build(known, problem.features.history, problem, "regression")
    return Toy(problem, frame, ["minutes_1d"], index)


@pytest.fixture(scope="session")
def loans() -> Toy:
    return make_loans()


@pytest.fixture(scope="session")
def trips() -> Toy:
    return make_trips()


@dataclass
class Shop:
    """Releases in a registry: what a training flow would have put there."""

    settings: Settings
    folder: Path
    _registry: Registry | None = None

    @property
    def registry(self) -> Registry:
        if self._registry is None:
            self._registry = Registry(self.settings)
        return self._registry

    def release(self, toy: Toy, strength: float = 1.0, change: Callable[[Path], None] | None = None) -> int:
        """Register a release and give its version; `change` may spoil the bundle before it is registered."""
        folder = self.folder / f"{toy.name}-{strength}-{time.monotonic_ns()}"
        digest = toy.bundle(folder, strength)
        if change is not None:
            change(folder)
        run_key = f"{time.monotonic_ns():016x}"
        run_id = self.registry.start_run(toy.name, run_key)
        return self.registry.register(toy.name, run_id, folder, digest, run_key)

    def promote(self, toy: Toy, version: int) -> None:
        if toy.index is not None:
            history_store.save(toy.index, self.settings.history(toy.name), datetime(2024, 2, 1, tzinfo=UTC))
        self.registry.set_alias(toy.name, "champion", version)


def spoil_probe(folder: Path) -> None:
    """The release's own proof no longer holds, as with other library versions than it was trained with."""
    probe = read_json(folder / "ratchet" / "probe.json")
    probe["scores"][0] = [value + 0.25 for value in probe["scores"][0]]
    names = ("release", "contract", "problem")
    documents = {f"{name}.json": read_json(folder / "ratchet" / f"{name}.json") for name in names}
    write_bundle(folder, {**documents, "probe.json": probe}, {})


@pytest.fixture
def spoiled() -> Callable[[Path], None]:
    return spoil_probe


@pytest.fixture(scope="session")
def stocked(tmp_path_factory: pytest.TempPathFactory, loans: Toy, trips: Toy) -> Path:
    """A home with a champion of both problems, to be copied: registering takes seconds."""
    home = tmp_path_factory.mktemp("stocked") / "home"
    shop = Shop(Settings(home=home), home.parent / "bundles")
    for toy in (loans, trips):
        shop.promote(toy, shop.release(toy))
    return home


@pytest.fixture
def shop(settings: Settings, stocked: Path, tmp_path: Path) -> Shop:
    """An embedded registry of the test's own that holds a champion of both problems."""
    copy_home(stocked, settings.home)
    return Shop(settings, tmp_path / "bundles")


def copy_home(stocked: Path, home: Path) -> Path:
    shutil.copytree(stocked, home)
    _move_artifacts(home / "mlflow" / "mlflow.db", str(stocked), str(home))
    return home


def _move_artifacts(database: Path, old: str, new: str) -> None:
    import sqlite3

    with sqlite3.connect(database) as connection:
        for table, column in (
            ("experiments", "artifact_location"),
            ("runs", "artifact_uri"),
            ("logged_models", "artifact_location"),
            ("model_versions", "source"),
        ):
            connection.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (old, new))
    connection.close()


class Client(httpx.Client):
    """A client of an app that a thread of this process serves on a free port."""

    def __init__(self, app: FastAPI) -> None:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        super().__init__(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=30, trust_env=False)
        self.app = app
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)

    def __enter__(self) -> Client:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the app did not start"
            time.sleep(0.005)
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture(scope="session")
def client(stocked: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The service in this process, with both champions; shared, so leave it as it is."""
    home = copy_home(stocked, tmp_path_factory.mktemp("shared") / "home")
    with Client(create_app(Settings(home=home))) as opened:
        yield opened


@pytest.fixture
def fresh(shop: Shop) -> Iterator[Client]:
    """A service of the test's own, over its `shop`."""
    with Client(create_app(shop.settings)) as opened:
        yield opened


@pytest.fixture
def sendable() -> Callable[[pd.DataFrame], list[dict[str, Any]]]:
    """How a client sends the rows of a table."""
    return as_json


@pytest.fixture
def connect() -> type[Client]:
    """To serve an app of the test's own."""
    return Client


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Process:
    """A server as a process of its own."""

    url: str
    handle: subprocess.Popen[bytes]
    log: Path

    def stop(self, with_signal: int = signal.SIGTERM, patience: float = 30) -> int:
        if self.handle.poll() is None:
            self.handle.send_signal(with_signal)
        return self.handle.wait(patience)


@contextmanager
def run_process(
    command: list[str], environment: dict[str, str], place: str | Path, check: str, log: Path
) -> Iterator[Process]:
    """A server, once its `check` answers 200; `place` is its address, or the file where it will tell it."""
    with log.open("ab") as output:
        handle = subprocess.Popen(
            command, env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    process = Process("", handle, log)
    try:
        deadline = time.monotonic() + 120
        while not _answers(process, place, check):
            if handle.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command} did not come up: {log.read_text()[-3000:]}")
            time.sleep(0.05)
        yield process
    finally:
        try:
            process.stop()
        except subprocess.TimeoutExpired:
            process.stop(signal.SIGKILL)


def _answers(process: Process, place: str | Path, check: str) -> bool:
    if isinstance(place, Path):
        told = read_json(place) if place.exists() else {}
        process.url = told["url"] if told.get("pid") == process.handle.pid else ""
    else:
        process.url = place
    try:
        return bool(process.url) and httpx.get(process.url + check, timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


Serve = Callable[..., Any]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Run the prediction service as a process for some settings; a context manager."""

    @contextmanager
    def start(settings: Settings, check: str = "/readyz", **environment: str) -> Iterator[Process]:
        variables = {"RATCHET_HOME": str(settings.home), "RATCHET_POLL_SECONDS": "0.5", **environment}
        if settings.mlflow_url:
            variables["RATCHET_MLFLOW_URL"] = settings.mlflow_url
        command = [sys.executable, "-m", "services.prediction", "--port", "0"]
        note = settings.home / "run" / "prediction.json"
        with run_process(command, variables, note, check, tmp_path / "service.log") as process:
            yield process

    return start


@contextmanager
def run_mlflow(home: Path, port: int | None = None) -> Iterator[Process]:
    """An MLflow server over the embedded store of a home, as `ratchet up` starts it."""
    port = port or free_port()
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
        *("--backend-store-uri", f"sqlite:///{home / 'mlflow' / 'mlflow.db'}", "--serve-artifacts"),
        *("--artifacts-destination", (home / "mlflow" / "artifacts").as_uri()),
    ]
    environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    url = f"http://127.0.0.1:{port}"
    with run_process(command, environment, url, "/health", home.parent / f"mlflow-{port}.log") as process:
        yield process


@pytest.fixture
def mlflow_server() -> Callable[..., Any]:
    return run_mlflow
