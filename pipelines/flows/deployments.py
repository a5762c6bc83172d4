"""The deployments on the Prefect server: which flows it can run, and which of them on a schedule."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.deployments.runner import EntrypointType, RunnerDeployment

from pipelines.core.settings import Settings
from pipelines.flows.materialising import materialising
from pipelines.flows.monitoring import monitoring
from pipelines.flows.pools import make_pool
from pipelines.flows.reconciling import reconciling
from pipelines.flows.scoring import scoring
from pipelines.flows.sealing import sealing
from pipelines.flows.training import training
from pipelines.stores.problems.known_problems import readable_problems

MONITOR_EVERY = timedelta(hours=1)
RECONCILE_EVERY = timedelta(minutes=5)
MATERIALISE_EVERY = timedelta(minutes=15)
SEAL_EVERY = timedelta(days=1)


def register(settings: Settings, pool: str) -> list[str]:
    """Make or renew the work pool and every deployment; their names. Running it again changes nothing.

    The pool's runs are processes, containers or Kubernetes jobs, as the settings say.
    """
    with get_client(sync_client=True) as client:
        make_pool(client, settings, pool)
    every = {
        monitoring: [_every(MONITOR_EVERY)],
        reconciling: [_every(RECONCILE_EVERY), *regular_trainings(settings)],
        training: [],
        scoring: [],
        materialising: [_every(MATERIALISE_EVERY)],
        sealing: [_every(SEAL_EVERY)],
    }
    for flow, schedules in every.items():
        _deploy(flow, pool, schedules)
    return [f"{flow.name}/{flow.name}" for flow in every]


def regular_trainings(settings: Settings) -> list[DeploymentScheduleCreate]:
    """A schedule for each problem trained here whose file asks for regular training (`retraining.schedule`).

    It is the reconciling flow's: what is due becomes a request by the policy, like one that an alarm makes, and not a
    training of its own beside it.
    """
    schedules = []
    for name, loaded in readable_problems(settings).items():
        cron = loaded.problem.retraining.schedule
        if cron:
            parameters = {"scheduled": str(loaded.path)}
            schedules.append(
                DeploymentScheduleCreate(schedule=CronSchedule(cron=cron), parameters=parameters, slug=f"train-{name}")
            )
    return schedules


def _every(interval: timedelta) -> DeploymentScheduleCreate:
    return DeploymentScheduleCreate(schedule=IntervalSchedule(interval=interval), slug="regularly")


def _deploy(flow: Any, pool: str, schedules: list[DeploymentScheduleCreate]) -> None:
    # By module path, not by file: the worker runs the installed package from any folder.
    deployment = RunnerDeployment.from_flow(
        flow, name=flow.name, entrypoint_type=EntrypointType.MODULE_PATH, work_pool_name=pool, schedules=schedules
    )
    deployment.apply()
