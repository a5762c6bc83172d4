from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Crashed, Running

from pipelines.core.settings import Settings
from pipelines.flows.deployments import register
from pipelines.flows.locks import one_training
from pipelines.flows.reconciling import reconciling
from pipelines.flows.requests import ATTEMPTS, dispatch, waiting
from pipelines.stores.decisions.ledger import Ledger, Request
from pipelines.stores.problems.known_problems import remember_problem
from pipelines.stores.problems.problem_files import load_problem

pytestmark = pytest.mark.usefixtures("prefect_server")
NOW = datetime.now(UTC)


def ask(settings: Settings, problem: str = "small", key: str = "k1") -> Request:
    ledger = Ledger(settings.database)
    request = ledger.request(problem, key, reason="an alarm", as_of=NOW, at=NOW)
    ledger.close()
    return request


def look(settings: Settings, request: Request) -> Request:
    ledger = Ledger(settings.database)
    found = ledger.find_request(request.id)
    ledger.close()
    return found


def test_waiting_are_the_open_and_the_silent(settings: Settings) -> None:
    one, two = ask(settings, "one", "k1"), ask(settings, "two", "k2")
    ledger = Ledger(settings.database)
    ledger.claim(one.id, NOW, 60, "someone")
    assert [request.id for request in waiting(settings, NOW)] == [two.id]
    assert [request.id for request in waiting(settings, NOW + timedelta(seconds=61))] == [one.id, two.id]
    ledger.finish(two.id, NOW, "promote")
    assert waiting(settings, NOW) == []
    ledger.close()


def test_without_a_deployment_the_request_waits(settings: Settings) -> None:
    request = ask(settings, key="before any worker")
    with get_client(sync_client=True) as client:
        for one in client.read_deployments():
            client.delete_deployment(one.id)
    assert "waits" in dispatch(settings, request, to_server=True)["outcome"]
    assert look(settings, request).state == "open"


def test_overlapping_dispatchers_start_one_run_and_a_dead_one_is_followed(settings: Settings, small: Path) -> None:
    register(settings, "test-pool")
    remember_problem(settings, load_problem(str(small)))
    request = ask(settings, key="exactly once")
    first = dispatch(settings, request, to_server=True)
    again = dispatch(settings, request, to_server=True)
    assert first["flow_run_id"] == again["flow_run_id"]
    assert look(settings, request).flow_run_id == first["flow_run_id"]
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(first["flow_run_id"])
        assert run.parameters == {"problem": str(small), "as_of": NOW.isoformat(), "request_id": request.id}

        client.set_flow_run_state(run.id, Crashed(), force=True)
        second = dispatch(settings, request, to_server=True)
        assert second["attempt"] == 2

        # Its worker's machine has gone: Prefect still says running, the lease has run out.
        client.set_flow_run_state(second["flow_run_id"], Running(), force=True)
        ledger = Ledger(settings.database)
        ledger.claim(request.id, NOW - timedelta(hours=1), 60, second["flow_run_id"])
        ledger.close()
        third = dispatch(settings, look(settings, request), to_server=True)
        assert third["attempt"] == ATTEMPTS == 3

        client.set_flow_run_state(third["flow_run_id"], Crashed(), force=True)
    assert "gave up" in dispatch(settings, look(settings, request), to_server=True)["outcome"]
    assert look(settings, request).state == "failed"


def test_reconciling_dispatches_what_waits(settings: Settings, small: Path) -> None:
    register(settings, "test-pool")
    remember_problem(settings, load_problem(str(small)))
    request = ask(settings, key="reconciled")
    (told,) = reconciling()
    assert told["outcome"] == "dispatched"
    assert reconciling()[0]["flow_run_id"] == told["flow_run_id"]
    assert look(settings, request).state == "open"  # until the run takes it


def test_here_the_training_runs_at_once(settings: Settings, small: Path) -> None:
    remember_problem(settings, load_problem(str(small)))
    request = ask(settings, key="here")
    with one_training(settings, "small", 0):
        assert "waits" in dispatch(settings, request, to_server=False)["outcome"]
    told = dispatch(settings, request, to_server=False)
    assert (told["outcome"], told["decision"]) == ("done", "promote")
    assert look(settings, request).state == "done"


def test_here_a_training_that_cannot_run_fails_its_request(settings: Settings) -> None:
    request = ask(settings, "no-such-problem", key="fails")
    assert "ProblemError" in dispatch(settings, request, to_server=False)["outcome"]
    assert look(settings, request).state == "failed"


def test_a_release_made_before_the_kill_answers_its_request(
    settings: Settings, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember_problem(settings, load_problem(str(small)))
    request = ask(settings, key="released and not yet answered")
    monkeypatch.setattr(Ledger, "finish", lambda self, *given, **more: None)  # killed the moment before
    dispatch(settings, request, to_server=False)
    monkeypatch.undo()
    assert look(settings, request).state == "running"
    told = dispatch(settings, look(settings, request), to_server=True)  # no server is asked to train it
    assert (told["outcome"], told["decision"], told["version"]) == ("done", "promote", 1)
    assert look(settings, request).state == "done"
    ledger = Ledger(settings.database)
    assert len(ledger.entries("small", "release")) == 1
    ledger.close()
