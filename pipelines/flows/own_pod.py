"""The pod that this process runs in: what runs beside it must see too."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from pipelines.core.errors import Unavailable

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes puts a pod's account: its token, its namespace and the API's certificate."""

_SPEC = ("securityContext", "imagePullSecrets", "nodeSelector", "tolerations", "affinity")
_CONTAINER = ("envFrom", "securityContext")
_OURS_ALONE = ("POD_NAME", "PREFECT_WORKER_")


@dataclass(frozen=True)
class OwnPod:
    """What of a pod a job beside it takes over; secrets are named, not told."""

    namespace: str
    account: str
    image: str
    environment: list[dict[str, Any]] = field(default_factory=list)
    container: dict[str, Any] = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=dict)


def own_pod(account: Path = ACCOUNT) -> OwnPod | None:
    """This pod, by the API of Kubernetes; None outside of one. Unavailable when the API refuses it."""
    if not (account / "token").is_file():
        return None
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", "kubernetes.default.svc"), "443"
    port = os.environ.get("KUBERNETES_SERVICE_PORT", port)
    namespace = (account / "namespace").read_text().strip()
    name = os.environ.get("POD_NAME") or socket.gethostname()
    address = f"https://{f'[{host}]' if ':' in host else host}:{port}/api/v1/namespaces/{namespace}/pods/{name}"
    headers = {"Authorization": f"Bearer {(account / 'token').read_text().strip()}"}
    try:
        with httpx.Client(verify=_trust(account), timeout=20, trust_env=False) as client:
            answer = client.get(address, headers=headers)
            answer.raise_for_status()
    except httpx.HTTPError as error:
        raise Unavailable(
            f"Kubernetes does not say what pod {name} is made of ({error}): the worker's account needs `get` on pods"
        ) from error
    return read_pod(answer.json())


def read_pod(pod: dict[str, Any]) -> OwnPod:
    """From a pod as the API gives it: its container called `worker`, else the first."""
    spec = pod["spec"]
    worker = next((one for one in spec["containers"] if one["name"] == "worker"), spec["containers"][0])
    tokens = {one["name"] for one in spec.get("volumes", []) if one["name"].startswith("kube-api-access")}
    mounts = [one for one in worker.get("volumeMounts", []) if one["name"] not in tokens]
    used = {one["name"] for one in mounts}
    volumes = [_without_account(one) for one in spec.get("volumes", []) if one["name"] in used]
    return OwnPod(
        namespace=pod["metadata"]["namespace"],
        account=spec.get("serviceAccountName", "default"),
        image=worker["image"],
        environment=[one for one in worker.get("env", []) if not one["name"].startswith(_OURS_ALONE)],
        container={**_some(worker, _CONTAINER), "volumeMounts": mounts, "resources": worker.get("resources", {})},
        spec={**_some(spec, _SPEC), "volumes": volumes},
    )


def _without_account(volume: dict[str, Any]) -> dict[str, Any]:
    """The volume without the worker's token, which may make jobs."""
    projected = volume.get("projected")
    if not projected:
        return volume
    sources = [one for one in projected.get("sources", []) if "serviceAccountToken" not in one]
    return {**volume, "projected": {**projected, "sources": sources}}


def _some(given: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: given[name] for name in names if given.get(name)}


def _trust(account: Path) -> Any:
    import ssl

    return ssl.create_default_context(cafile=str(account / "ca.crt"))
