"""The weeks of the demo: what it waits for, and what it says of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from ratchet_client import Client

from pipelines.commands.demo_life import (
    AGREED,
    MONTH,
    OPENING,
    PROBLEM,
    _History,
    await_champion,
    await_history,
    told_decision,
)
from pipelines.core.settings import Settings


@pytest.fixture
def models() -> list[dict[str, Any]]:
    """What the service says of the model, one answer after the other."""
    return []


@pytest.fixture
def client(models: list[dict[str, Any]]) -> Iterator[Client]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            about = models.pop(0) if self.path == f"/v1/models/{PROBLEM}" else {}
            content = json.dumps({"problem": PROBLEM} | about).encode()
            self.send_response(200 if "status" in about else 404)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with Client(f"http://127.0.0.1:{server.server_port}") as client:
            yield client
        server.shutdown()
        thread.join()


def test_the_demo_goes_on_when_the_first_release_serves(client: Client, models: list[dict[str, Any]]) -> None:
    models += [
        {"error": "no release yet"},
        {"status": "loading"},
        *[{"status": "serving", "version": 1}] * AGREED,
        {"status": "left"},
    ]
    await_champion(client)
    assert models == [{"status": "left"}]


def test_after_a_promotion_the_next_week_is_answered_by_the_new_release(
    client: Client, models: list[dict[str, Any]]
) -> None:
    versions = [2, 3, 2, *[3] * AGREED, 4]
    models += [{"status": "serving", "version": version} for version in versions]
    await_champion(client, 3)
    assert [one["version"] for one in models] == [4]


def test_a_week_begins_when_its_history_is_served(client: Client, models: list[dict[str, Any]]) -> None:
    before, after = "2013-02-28T23:00:00+00:00", "2013-03-01T00:00:00Z"
    moments = [after, before, *[after] * AGREED]  # a replica that has followed, one that has not, then both
    models += [{"status": "serving", "history_as_of": moment} for moment in moments]
    await_history(client, OPENING)
    assert models == []


def test_history_is_made_four_weeks_at_a_time_once_and_ahead(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[datetime] = []
    monkeypatch.setattr("pipelines.steps.featurize.materialise", lambda *given: made.append(given[-1]))
    weeks = MONTH + 2
    with ThreadPoolExecutor(1) as aside:
        history = _History(None, settings, weeks, aside)  # type: ignore[arg-type]
        for week in range(weeks):
            history.begin(week)
            history.begin(week + 1)
            assert history.until(week) >= OPENING + timedelta(weeks=week + 1)
    assert made == [OPENING + timedelta(weeks=MONTH), OPENING + timedelta(weeks=weeks)]


def test_a_decision_is_told_with_what_decided_it(capsys: pytest.CaptureFixture[str]) -> None:
    reasons = ["enough labels", "log_loss is credibly better than champion 1"]
    summary = {"decision": "promote", "version": 2, "reasons": reasons, "run_id": "not told"}
    found = told_decision(OPENING, "policy", summary)
    assert found == {"as_of": OPENING.isoformat(), "why": "policy", "decision": "promote", "version": 2,
                     "snapshot": None, "model_digest": None, "reasons": reasons}  # fmt: skip
    told = capsys.readouterr().err
    assert "01 Mar  training (policy): promote, version 2" in told
    assert "credibly better" in told
