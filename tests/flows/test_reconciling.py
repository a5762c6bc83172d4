from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client

from pipelines.core.settings import Settings
from pipelines.flows.deployments import register
from pipelines.flows.reconciling import reconciling
from pipelines.stores.decisions.ledger import Ledger, Request
from pipelines.stores.problems.known_problems import remember_problem
from pipelines.stores.problems.problem_files import load_problem

pytestmark = pytest.mark.usefixtures("prefect_server")
NOW = datetime.now(UTC)


def ask(settings: Settings, problem: str, key: str, held: timedelta | None = None) -> Request:
    """A request; with `held` a holder took it, whose lease ends that long from now."""
    ledger = Ledger(settings.database)
    request = ledger.request(problem, key, reason="an alarm", as_of=NOW, at=NOW)
    if held is not None:
        ledger.claim(request.id, NOW + held - timedelta(hours=1), 3600, "someone")
    found = ledger.find_request(request.id)
    ledger.close()
    return found


def states(settings: Settings) -> list[str]:
    ledger = Ledger(settings.database)
    found = {one.id: one.state for one in ledger.requests()}
    ledger.close()
    return [found[number] for number in sorted(found)]


def test_where_nothing_waits_nothing_is_done(settings: Settings) -> None:
    ask(settings, "small", "somebody works on it", held=timedelta(minutes=30))
    assert reconciling() == []
    assert states(settings) == ["running"]


def test_without_a_deployment_every_request_waits_on(settings: Settings) -> None:
    one = ask(settings, "one", "no worker yet: one")
    ask(settings, "two", "held", held=timedelta(minutes=30))
    three = ask(settings, "three", "the holder fell silent", held=-timedelta(minutes=1))
    with get_client(sync_client=True) as client:
        for deployment in client.read_deployments():
            client.delete_deployment(deployment.id)
    told = reconciling()
    assert [(each["request_id"], each["problem"]) for each in told] == [(one.id, "one"), (three.id, "three")]
    assert all(each["outcome"].startswith("waits") for each in told)
    assert states(settings) == ["open", "running", "running"]


def test_what_waits_is_dispatched_and_only_once(settings: Settings, small: Path) -> None:
    register(settings, "test-pool")
    remember_problem(settings, load_problem(str(small)))
    request = ask(settings, "small", "the holder of the first try fell silent", held=-timedelta(minutes=1))
    (told,) = reconciling()
    assert (told["outcome"], told["attempt"]) == ("dispatched", 1)
    assert [again["flow_run_id"] for again in reconciling()] == [told["flow_run_id"]]
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(told["flow_run_id"])
    assert run.parameters == {"problem": str(small), "as_of": NOW.isoformat(), "request_id": request.id}
    assert run.deployment_id is not None


def test_a_schedule_makes_a_request_through_the_policy(settings: Settings, write_small: Callable[..., Path]) -> None:
    path = write_small(name="weekly", extra="retraining: {schedule: '0 3 * * 1', budget: 1}\n")
    register(settings, "test-pool")
    remember_problem(settings, load_problem(str(path)))
    (told,) = reconciling(scheduled=str(path))
    assert (told["problem"], told["outcome"]) == ("weekly", "dispatched")
    ledger = Ledger(settings.database)
    (request,) = ledger.requests("weekly")
    assert request.evidence["triggers"] == ["schedule"]
    ledger.finish(request.id, NOW, "promote")
    assert reconciling(scheduled=str(path)) == []  # the budget is spent
    newest = ledger.entries("weekly", "retraining", limit=1)[0]
    assert (newest.outcome, newest.evidence["obstacles"]) == ("blocked", ["budget"])
    ledger.close()


def test_a_verdict_whose_request_was_never_made_is_answered_once(settings: Settings) -> None:
    ledger = Ledger(settings.database)
    evidence = {"retraining": {"act": True, "reasons": ["performance: the loss rose"], "blocked_by": []}}
    ledger.record("v1", at=NOW, problem="killed", kind="verdict", outcome="alarm", evidence=evidence)
    for _ in range(2):
        reconciling()
    (request,) = ledger.requests("killed")
    assert (request.key, request.reason) == ("retrain:v1", "performance: the loss rose")
    ledger.close()
