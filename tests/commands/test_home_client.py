from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx
import pytest
from ratchet_client import Unauthorized

from pipelines.commands.home_client import _await_welcome, home_client
from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.api_keys import ApiKeys
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.storage.files import read_json


@pytest.fixture
def guarded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings by which the service asks for keys, as it does in a container."""
    monkeypatch.setenv("RATCHET_REQUIRE_KEYS", "always")
    return Settings()


@pytest.fixture
def url(settings: Settings) -> Iterator[str]:
    """The service of the test's home, on a free port."""
    with serving(settings) as address:
        yield address


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    command = [sys.executable, "-m", "services.prediction", "--port", "0"]
    process = subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        assert process.stdout.readline()  # it says so once it listens
        yield str(read_json(settings.home / "run" / "prediction.json")["url"])
    finally:
        process.terminate()
        process.communicate(timeout=30)


def entries(settings: Settings) -> list[tuple[str, str]]:
    with closing(Ledger(settings.database)) as ledger:
        return [(one.outcome, one.actor) for one in reversed(ledger.entries(kind="key"))]


def test_a_service_that_asks_for_keys_is_asked_with_a_key_that_passes(guarded: Settings, url: str) -> None:
    with home_client(guarded, url, "demo", 500) as client:
        assert client.models() == []
        with closing(ApiKeys(guarded.database)) as store:
            (key,) = store.all()
        assert key.name.startswith("demo-")
        assert key.scopes == ("predict", "label", "read")
        assert key.revoked_at is None
        assert key.expires_at is not None  # even if this process were killed now
        assert entries(guarded) == [("create", "demo")]
    with closing(ApiKeys(guarded.database)) as store:
        assert store.in_force() == {}
    assert entries(guarded) == [("create", "demo"), ("revoke", "demo")]


def test_every_replica_knows_the_key(guarded: Settings, url: str) -> None:
    elsewhere = guarded.model_copy(update={"service_url": url})
    with serving(guarded) as replica, home_client(elsewhere, url, "demo", 500) as client:
        answer = httpx.get(f"{replica}/v1/models", headers=dict(client._calls.headers), trust_env=False)
        assert answer.status_code == 200


def test_the_key_goes_when_the_work_fails(guarded: Settings, url: str) -> None:
    with pytest.raises(ZeroDivisionError), home_client(guarded, url, "demo", 500) as client:
        time.sleep(1 / len(client.models()))
    assert entries(guarded) == [("create", "demo"), ("revoke", "demo")]


def test_where_no_key_is_needed_none_is_made(settings: Settings, url: str) -> None:
    with home_client(settings, url, "demo", 500) as client:
        assert client.models() == []
    assert entries(settings) == []


def test_a_key_of_another_service_does_no_harm(settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATCHET_API_KEY", "rk_another_one")
    with home_client(settings, url, "demo", 500) as client:
        assert client.models() == []
    assert entries(settings) == [("create", "demo"), ("revoke", "demo")]


def test_a_service_of_another_home_is_told(guarded: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stranger:
        url = "http://127.0.0.1:1"

        def models(self) -> None:
            raise Unauthorized("who is asking?")

    monkeypatch.setattr("pipelines.commands.home_client._PATIENCE", 0.0)
    with pytest.raises(Unavailable, match="looks for keys in another database"):
        _await_welcome(Stranger())  # type: ignore[arg-type]
