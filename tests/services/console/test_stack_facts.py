from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from services.console.stack_facts import Flows, StackFacts, gather_stack, read_flows, stack_families

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANSWERS: dict[str, Any] = {
    "/api/flows/filter": [{"id": "f1", "name": "training"}, {"id": "f2", "name": "monitoring"}],
    "/api/flow_runs/filter": [
        {"flow_id": "f1", "state_type": "FAILED"},
        {"flow_id": "f2", "state_type": "COMPLETED"},
        {"flow_id": "f2", "state_type": "COMPLETED"},
        {"flow_id": "f9", "state_type": "CRASHED"},
    ],
    "/api/flow_runs/count": 3,
    "/api/work_pools/ratchet/workers/filter": [{"status": "ONLINE"}, {"status": "OFFLINE"}],
}


def asked(answers: dict[str, Any]) -> tuple[Flows | None, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        found = answers.get(request.url.path)
        return httpx.Response(404) if found is None else httpx.Response(200, json=found)

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        return read_flows(client, "http://prefect/api", "ratchet", NOW), seen


def test_runs_of_the_last_hour_are_counted_by_flow_and_state() -> None:
    found, seen = asked(ANSWERS)
    assert found is not None
    assert (found.late, found.workers) == (3, 1)
    assert found.ended["training", "failed"] == 1
    assert found.ended["monitoring", "completed"] == 2
    assert found.ended["unknown", "crashed"] == 1
    assert found.ended["monitoring", "failed"] == 0  # a series that begins with its first failure cannot alert on it
    assert b"2026-03-01T11:00:00" in seen[1].content


def test_no_pool_is_no_worker_and_a_broken_answer_is_none() -> None:
    found, _ = asked({name: one for name, one in ANSWERS.items() if "workers" not in name})
    assert found is not None
    assert found.workers == 0
    assert asked({**ANSWERS, "/api/flows/filter": "?"})[0] is None
    assert asked({})[0] is None


def test_what_does_not_answer_is_down(tmp_path: Path) -> None:
    places = {"home": tmp_path, "history": tmp_path / "absent"}
    found = gather_stack(True, "http://127.0.0.1:9", "http://127.0.0.1:9", "ratchet", places, NOW)
    assert found.up == {"database": True, "mlflow": False, "prefect": False}
    assert found.flows is None
    assert list(found.disks) == ["home"]


def test_whose_address_is_unknown_is_not_told_of() -> None:
    assert gather_stack(False, None, None, "ratchet", {}, NOW).up == {"database": False}


def test_metrics_of_the_stack() -> None:
    facts = StackFacts({"prefect": True}, Flows({("training", "failed"): 1}, 0, 2), {"home": (100, 10)})
    found = {(one.name, *one.labels.values()): one.value for family in stack_families(facts) for one in family.samples}
    assert found == {
        ("ratchet_neighbour_up", "prefect"): 1,
        ("ratchet_disk_free_bytes", "home"): 10,
        ("ratchet_disk_size_bytes", "home"): 100,
        ("ratchet_flow_runs_ended", "training", "failed"): 1,
        ("ratchet_flow_runs_late",): 0,
        ("ratchet_workers_online",): 2,
    }
