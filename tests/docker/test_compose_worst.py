"""The worst day: the disks of PostgreSQL, of the home and of the history are lost, and a backup brings all of it back.

The steps are those of docs/how-to/backup.md.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
from ratchet_client import Client

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

LOST = ("postgres", "home", "history", "serving")
CHAMPION = """
import json
from mlflow import MlflowClient
from pipelines.core.settings import Settings
champion = MlflowClient(Settings().mlflow_uri).get_model_version_by_alias("flights", "champion")
print(json.dumps({"version": champion.version, "tags": champion.tags}))
"""


def test_a_backup_brings_everything_back(
    stack: Any, champion: int, loads: Any, run_docker: Any, tmp_path: Path
) -> None:
    scopes = ("--scope", "predict", "--scope", "label", "--scope", "read")
    key = stack.ratchet("keys", "create", f"worst-{secrets.token_hex(3)}", *scopes)["key"]
    with Client(stack.url("API"), key) as client:
        answers = client.predict("flights", loads.rows_of(tmp_path)[:5])
        client.label("flights", {answers[0].id: True})
    ids = [one.id for one in answers]
    before, name = facts(stack, ids), f"worst-{secrets.token_hex(3)}"
    assert before["in MLflow"]
    runs = {one["id"] for one in stack.ended_runs()}
    assert runs
    stack.compose("run", "--rm", "-T", "-e", f"BACKUP={name}", "backup")

    stack.compose("down", "-t", "10", seconds=180)
    for volume in LOST:
        words = ("--rm", "--user=0", "--network=none", "-v", f"{stack.named(volume)}:/lost", "debian:bookworm-slim")
        run_docker("run", *words, "find", "/lost", "-mindepth", "1", "-delete")
    stack.compose("up", "-d", "--wait", "--no-build", "postgres", "s3", seconds=180)
    stack.compose("run", "--rm", "-T", "--no-deps", "backup", "ratchet", "restore", f"/backups/{name}", seconds=300)
    stack.compose("up", "-d", "--wait", "--no-build", seconds=300)

    after = facts(stack, ids)
    assert after == before
    assert {one["id"] for one in stack.ended_runs()} >= runs
    with Client(stack.url("API"), key) as client:
        assert client.predict("flights", loads.rows_of(tmp_path)[:5]).values == answers.values
        assert client.label("flights", {ids[1]: False}).accepted == (ids[1],)
        assert client.prediction(ids[0]).labels == (True,)
    assert stack.ratchet("ledger", "--verify")["intact"]


def facts(stack: Any, ids: list[str]) -> dict[str, Any]:
    """What must be the same afterwards."""
    return {
        "ledger": stack.ratchet("ledger", "flights"),
        "champions": stack.ratchet("status")["champions"],
        "passports": [stack.ratchet("passport", one) for one in ids[:2]],
        "in MLflow": stack.python(CHAMPION),
    }
