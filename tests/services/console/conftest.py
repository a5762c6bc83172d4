"""A console over a home with a year in its ledger, asked in process."""

from __future__ import annotations

import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from pipelines.core.settings import Settings
from services.console.desk import Desk
from services.console.site import create_site


@dataclass
class Site:
    """The console with what it reads; `get` and `post` ask it as a browser on this machine would."""

    settings: Settings
    app: FastAPI
    http: httpx.Client

    @property
    def desk(self) -> Desk:
        found: Desk = self.app.state.site.desk
        return found

    def get(self, path: str, **given: object) -> httpx.Response:
        return self.http.get(path, **given)  # type: ignore[arg-type]

    def form(self, path: str) -> dict[str, str]:
        """The hidden fields of the form on a page."""
        found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', self.get(path).text)
        return {name: value.replace("&#43;", "+") for name, value in found}

    def do(self, problem: str, action: str, **fields: str) -> httpx.Response:
        """Confirm an action with its own form."""
        path = f"/problems/{problem}/actions/{action}"
        return self.http.post(path, data={**self.form(path), **fields})


@contextmanager
def open_site(settings: Settings) -> Iterator[Site]:
    """The console of a home, listening on loopback whatever its settings say of keys."""
    settings.home.mkdir(parents=True, exist_ok=True)
    app = create_site(settings)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=base, trust_env=False, timeout=30) as client:
            yield Site(settings, app, client)
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listener.close()


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    """The console over an empty home; whatever a test writes is there when it asks."""
    with open_site(settings) as opened:
        yield opened


@pytest.fixture
def guarded(settings: Settings) -> Iterator[Site]:
    """The same where API keys are asked for."""
    with open_site(settings.model_copy(update={"require_keys": "always"})) as opened:
        yield opened


@pytest.fixture
def desk(settings: Settings) -> Iterator[Desk]:
    """What pages are made from, over an empty home; nothing is followed."""
    settings.home.mkdir(parents=True, exist_ok=True)
    made = Desk(settings)
    yield made
    made.close()


@pytest.fixture(scope="session")
def lived_home(tmp_path_factory: pytest.TempPathFactory, year: ModuleType) -> Path:
    """A home with a year that ends in an alarm, written once; tests get copies."""
    home = tmp_path_factory.mktemp("year")
    settings = Settings(home=home)
    year.write_year(settings, standing=True)
    (home / "answer").write_text(year.write_traffic(settings))
    return home


@pytest.fixture
def lived(settings: Settings, lived_home: Path) -> Iterator[Site]:
    """The console over a copy of that year."""
    shutil.copytree(lived_home, settings.home)
    with open_site(settings) as opened:
        yield opened
