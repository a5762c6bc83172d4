from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client

from pipelines.core.settings import Settings
from pipelines.flows.deployments import MATERIALISE_EVERY, MONITOR_EVERY, RECONCILE_EVERY, register, regular_trainings
from pipelines.stores.problems.known_problems import remember_problem
from pipelines.stores.problems.problem_files import load_problem

pytestmark = pytest.mark.usefixtures("prefect_server")
NAMES = {"training", "monitoring", "reconciling", "scoring", "materialising", "sealing"}


def test_registering_twice_makes_each_deployment_once(settings: Settings) -> None:
    for _ in range(2):
        assert set(register(settings, "test-pool")) == {f"{name}/{name}" for name in NAMES}
    with get_client(sync_client=True) as client:
        deployments = {one.name: one for one in client.read_deployments()}
    assert set(deployments) == NAMES
    # By module path: a worker finds the code from any folder.
    assert deployments["training"].entrypoint == "pipelines.flows.training.training"
    assert all(one.work_pool_name == "test-pool" for one in deployments.values())
    intervals = {name: [two.schedule.interval for two in one.schedules] for name, one in deployments.items()}
    assert intervals["monitoring"] == [MONITOR_EVERY]
    assert intervals["reconciling"] == [RECONCILE_EVERY]
    assert intervals["materialising"] == [MATERIALISE_EVERY]
    assert intervals["training"] == []


def test_a_problem_can_ask_for_regular_training(settings: Settings, write_small: Callable[..., Path]) -> None:
    path = write_small(name="monthly", extra="retraining: {schedule: '0 3 1 * *'}\n")
    remember_problem(settings, load_problem(str(path)))
    remember_problem(settings, load_problem(str(write_small())))
    (one,) = regular_trainings(settings)
    assert one.schedule.cron == "0 3 1 * *"
    assert one.parameters == {"scheduled": str(path)}  # a request by the policy, not a training beside it
    path.unlink()
    assert regular_trainings(settings) == []
