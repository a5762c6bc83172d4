"""Aliases over a real MLflow server are tested with the rollback in tests/services/test_rollback.py; here, errors."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.registry.lean_registry import open_aliases
from pipelines.stores.registry.rest_aliases import RestAliases

ALIAS = "/api/2.0/mlflow/registered-models/alias"
TAG = "/api/2.0/mlflow/model-versions/set-tag"


class Stub(BaseHTTPRequestHandler):
    """An MLflow server that takes what it is told."""

    told: list[tuple[str, str, dict[str, str]]] = []  # noqa: RUF012
    status = 200

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.told.append((self.command, self.path, json.loads(body)))
        self.send_response(self.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_DELETE = _take

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def aliases() -> Iterator[RestAliases]:
    server = HTTPServer(("127.0.0.1", 0), Stub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Stub.told, Stub.status = [], 200
    opened = RestAliases(f"http://127.0.0.1:{server.server_port}")
    yield opened
    opened.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_aliases_are_set_and_dropped(aliases: RestAliases) -> None:
    aliases.set_alias("loans", "champion", 3)
    aliases.drop_alias("loans", "challenger")
    aliases.set_tag("loans", 3, "ratchet.ledger", "d")
    assert Stub.told == [
        ("POST", ALIAS, {"name": "loans", "alias": "champion", "version": "3"}),
        ("DELETE", ALIAS, {"name": "loans", "alias": "challenger"}),
        ("POST", TAG, {"name": "loans", "version": "3", "key": "ratchet.ledger", "value": "d"}),
    ]


def test_a_server_that_says_no_is_told(aliases: RestAliases) -> None:
    Stub.status = 500
    with pytest.raises(Unavailable, match="answered 500"):
        aliases.set_alias("loans", "champion", 3)


def test_a_server_that_is_down_is_told(settings: Settings) -> None:
    down = open_aliases(settings.model_copy(update={"mlflow_uri": "http://127.0.0.1:9"}))
    assert isinstance(down, RestAliases)
    with pytest.raises(Unavailable, match="is it up"):
        down.set_alias("loans", "champion", 3)
    down.close()
