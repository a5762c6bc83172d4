"""Work pools: how flow runs are started. A run in a container of its own sees what the worker's container sees."""

from __future__ import annotations

import copy
import os
import re
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound

from pipelines.core.errors import ProblemError
from pipelines.core.settings import Settings
from pipelines.flows.own_container import Surroundings, own_container
from pipelines.flows.own_pod import OwnPod, own_pod
from pipelines.stack.environment import tool_environment

_TOLD = re.compile(r"RATCHET_\w+|AWS_(SHARED_CREDENTIALS_FILE|CONFIG_FILE|PROFILE|REGION|DEFAULT_REGION|CA_BUNDLE)")
_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]+@")
_SECRET = frozenset({"RATCHET_SERVICE_KEY"})  # whatever it looks like
_KEPT = 3600  # seconds that Kubernetes keeps a finished job, for its logs


def make_pool(client: SyncPrefectClient, settings: Settings, name: str) -> None:
    """Make the pool, or bring it up to date with the settings; ProblemError where one of another type has its name."""
    kind, template = settings.work_pool_type, job_template(settings)
    try:
        found = client.read_work_pool(name)
    except ObjectNotFound:
        client.create_work_pool(WorkPoolCreate(name=name, type=kind, base_job_template=template))
        return
    if found.type != kind:
        raise ProblemError(
            f"the work pool {name!r} is there with type {found.type}, and RATCHET_WORK_POOL_TYPE says {kind}: delete "
            "it (`prefect work-pool delete`), or choose another RATCHET_WORK_POOL"
        )
    if found.base_job_template != template:
        client.update_work_pool(name, WorkPoolUpdate(base_job_template=template))


def job_template(settings: Settings) -> dict[str, Any]:
    """What Prefect starts each run with, by the pool's type; no secret is in it: whoever reaches Prefect reads it."""
    if settings.work_pool_type == "docker":
        return docker_template(settings, own_container(settings))
    if settings.work_pool_type == "kubernetes":
        return kubernetes_template(settings, own_pod())
    from prefect.workers.process import ProcessWorker

    return ProcessWorker.get_default_base_job_template()


def docker_template(settings: Settings, around: Surroundings) -> dict[str, Any]:
    """A container per run: the worker's image, mounts, networks and limits on rights."""
    from prefect_docker.worker import DockerWorker

    template = copy.deepcopy(DockerWorker.get_default_base_job_template())
    defaults = {
        "image": _image(settings, around.image),
        "env": run_environment(settings),
        "volumes": list(around.volumes),
        "image_pull_policy": "IfNotPresent",
        "auto_remove": True,
        "container_create_kwargs": dict(around.limits),
        **({"networks": list(around.networks)} if around.networks else {"network_mode": "host"}),
    }
    return _with_defaults(template, defaults)


def kubernetes_template(settings: Settings, pod: OwnPod | None) -> dict[str, Any]:
    """A job per run: the worker's image, volumes, environment and limits on rights, and no account of its own."""
    from prefect_kubernetes.worker import KubernetesWorker

    template = copy.deepcopy(KubernetesWorker.get_default_base_job_template())
    job = template["job_configuration"]["job_manifest"]["spec"]
    spec = job["template"]["spec"]
    for name in ("completions", "parallelism"):  # Prefect has them one floor too low, where Kubernetes ignores them
        job[name] = spec.pop(name)
    # Variables of a namespace's services would be taken for settings: RATCHET_MLFLOW_PORT=tcp://...
    spec |= {"enableServiceLinks": False, "automountServiceAccountToken": False}
    defaults: dict[str, Any] = {"finished_job_ttl": _KEPT, "image": _image(settings, pod.image if pod else None)}
    if pod is None:
        return _with_defaults(template, {**defaults, "env": run_environment(settings)})
    _refuse_passwords({one["name"]: str(one.get("value", "")) for one in pod.environment})
    spec |= pod.spec
    spec["containers"][0] |= {**pod.container, "env": list(pod.environment)}
    return _with_defaults(template, {**defaults, "namespace": pod.namespace, "service_account_name": pod.account})


def run_environment(settings: Settings) -> dict[str, str]:
    """What a run is told by its environment: where things are, as the worker is told; secrets are files.

    ProblemError where an address with a password would be among it.
    """
    told = {name: value for name, value in os.environ.items() if _TOLD.fullmatch(name) and value}
    told["RATCHET_HOME"] = str(settings.home)
    _refuse_passwords(told)
    return {**tool_environment(settings), **told}


def _refuse_passwords(told: dict[str, str]) -> None:
    for name, value in told.items():
        if _PASSWORD.search(value) or (name in _SECRET and value):
            what = "key" if name in _SECRET else "password"
            raise ProblemError(
                f"{name} holds a {what}, which everybody who reaches Prefect could read in the pool's job template: "
                f"give it as a file /run/secrets/{name.lower()}, mounted into the worker"
            )


def _image(settings: Settings, own: str | None) -> str:
    image = settings.flow_image or own
    if image is None:
        raise ProblemError(
            f"a work pool of type {settings.work_pool_type} needs RATCHET_FLOW_IMAGE, the image of its runs: "
            "the worker is in no container whose image could be taken"
        )
    return image


def _with_defaults(template: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    properties = template["variables"]["properties"]
    for name, value in defaults.items():
        properties[name]["default"] = value
    return template
