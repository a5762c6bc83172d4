from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client

from pipelines.core.errors import ProblemError
from pipelines.core.settings import Settings
from pipelines.flows.deployments import register
from pipelines.flows.own_container import Surroundings
from pipelines.flows.own_pod import read_pod
from pipelines.flows.pools import docker_template, job_template, kubernetes_template, make_pool, run_environment

AROUND = Surroundings(
    image="ratchet/platform:local",
    volumes=("home:/var/lib/ratchet", "secrets:/run/secrets:ro"),
    networks=("inside", "stores"),
    limits={"read_only": True, "cap_drop": ["ALL"]},
)
POD: dict[str, Any] = {
    "metadata": {"namespace": "models"},
    "spec": {
        "serviceAccountName": "ratchet-worker",
        "securityContext": {"runAsNonRoot": True, "fsGroup": 10001},
        "imagePullSecrets": [{"name": "pull"}],
        "volumes": [
            {"name": "home", "persistentVolumeClaim": {"claimName": "ratchet-home"}},
            {"name": "secrets", "secret": {"secretName": "ratchet"}},
            {"name": "kube-api-access-x7", "projected": {}},
            {"name": "other", "emptyDir": {}},
        ],
        "containers": [
            {"name": "sidecar", "image": "nobody"},
            {
                "name": "worker",
                "image": "models/ratchet:1",
                "env": [
                    {"name": "RATCHET_MLFLOW_URI", "value": "http://mlflow:5000"},
                    {"name": "AWS_ACCESS_KEY_ID", "valueFrom": {"secretKeyRef": {"name": "s3", "key": "id"}}},
                    {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                    {"name": "PREFECT_WORKER_WEBSERVER_PORT", "value": "8080"},
                ],
                "envFrom": [{"configMapRef": {"name": "ratchet"}}],
                "securityContext": {"readOnlyRootFilesystem": True},
                "volumeMounts": [
                    {"name": "home", "mountPath": "/var/lib/ratchet"},
                    {"name": "secrets", "mountPath": "/run/secrets"},
                    {"name": "kube-api-access-x7", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
                ],
            },
        ],
    },
}


def default_of(template: dict[str, Any], name: str) -> Any:
    return template["variables"]["properties"][name].get("default")


def test_a_container_sees_what_the_worker_s_sees(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATCHET_MLFLOW_URI", "http://mlflow:5000")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/run/secrets/aws")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    template = docker_template(settings, AROUND)
    assert default_of(template, "image") == "ratchet/platform:local"
    assert default_of(template, "volumes") == ["home:/var/lib/ratchet", "secrets:/run/secrets:ro"]
    assert default_of(template, "networks") == ["inside", "stores"]
    assert default_of(template, "container_create_kwargs") == {"read_only": True, "cap_drop": ["ALL"]}
    told = default_of(template, "env")
    assert told["RATCHET_MLFLOW_URI"] == "http://mlflow:5000"
    assert told["RATCHET_HOME"] == str(settings.home)
    assert told["AWS_SHARED_CREDENTIALS_FILE"] == "/run/secrets/aws"
    assert told["DO_NOT_TRACK"] == "true"
    assert "hush" not in json.dumps(template)
    other = docker_template(settings.model_copy(update={"flow_image": "flows:2"}), Surroundings(None, (), ()))
    assert default_of(other, "image") == "flows:2"
    assert default_of(other, "network_mode") == "host"


def test_an_address_with_a_password_is_no_matter_for_a_template(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATCHET_DATABASE_URL", "postgresql+psycopg://ratchet:hush@postgres/ratchet")
    with pytest.raises(ProblemError, match=r"RATCHET_DATABASE_URL holds a password.*/run/secrets/ratchet_database_url"):
        run_environment(settings)
    monkeypatch.setenv("RATCHET_DATABASE_URL", "postgresql+psycopg://postgres/ratchet")
    assert run_environment(settings)["RATCHET_DATABASE_URL"] == "postgresql+psycopg://postgres/ratchet"
    pod = read_pod(POD)
    pod.environment.append({"name": "RATCHET_SMTP_URL", "value": "smtps://me:hush@mail"})
    with monkeypatch.context() as patch:
        patch.setenv("RATCHET_SERVICE_KEY", "rk_abc")
        with pytest.raises(ProblemError, match=r"RATCHET_SERVICE_KEY holds a key.*/run/secrets/ratchet_service_key"):
            run_environment(settings)
    with pytest.raises(ProblemError, match="RATCHET_SMTP_URL holds a password"):
        kubernetes_template(settings, pod)


def test_a_job_sees_what_the_worker_s_pod_sees_and_has_no_rights(settings: Settings) -> None:
    template = kubernetes_template(settings, read_pod(POD))
    spec = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    container = spec["containers"][0]
    assert [one["name"] for one in spec["volumes"]] == ["home", "secrets"]
    assert [one["mountPath"] for one in container["volumeMounts"]] == ["/var/lib/ratchet", "/run/secrets"]
    assert [one["name"] for one in container["env"]] == ["RATCHET_MLFLOW_URI", "AWS_ACCESS_KEY_ID"]
    assert container["envFrom"] == [{"configMapRef": {"name": "ratchet"}}]
    assert container["securityContext"] == {"readOnlyRootFilesystem": True}
    assert spec["securityContext"]["fsGroup"] == 10001
    assert spec["automountServiceAccountToken"] is spec["enableServiceLinks"] is False
    assert default_of(template, "namespace") == "models"
    assert default_of(template, "image") == "models/ratchet:1"


@pytest.mark.usefixtures("prefect_server")
def test_a_job_as_prefect_makes_it_is_one_that_kubernetes_takes(settings: Settings) -> None:
    from kubernetes_validate import validate
    from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration

    template = kubernetes_template(settings, read_pod(POD))
    values = {name: one["default"] for name, one in template["variables"]["properties"].items() if "default" in one}
    asked = {**values, "name": "run", "env": {"PREFECT_API_URL": "http://prefect:4200/api"}}
    made = asyncio.run(KubernetesWorkerJobConfiguration.from_template_and_values(template, asked))
    made.command = "prefect flow-run execute"
    made._populate_image_if_not_present()
    made._populate_command_if_not_present()
    made._populate_env_in_manifest()
    manifest = made.job_manifest
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "PREFECT_API_URL", "value": "http://prefect:4200/api"} in container["env"]
    container["args"] = made.command.split()
    manifest["metadata"] = {"name": "run"}
    validate(manifest, "1.31", strict=True)


def test_without_an_image_no_container_can_be_started(settings: Settings) -> None:
    with pytest.raises(ProblemError, match="type kubernetes needs RATCHET_FLOW_IMAGE"):
        job_template(settings.model_copy(update={"work_pool_type": "kubernetes"}))


@pytest.mark.usefixtures("prefect_server")
def test_pools_and_deployments_are_made_as_the_settings_say(settings: Settings, tmp_path: Path) -> None:
    jobs = settings.model_copy(update={"work_pool_type": "kubernetes", "flow_image": "flows:1"})
    for image in ("flows:1", "flows:1", "flows:2"):
        names = register(jobs.model_copy(update={"flow_image": image}), "jobs")
        with get_client(sync_client=True) as client:
            pool = client.read_work_pool("jobs")
            assert pool.type == "kubernetes"
            assert default_of(pool.base_job_template, "image") == image
            assert default_of(pool.base_job_template, "env")["RATCHET_HOME"] == str(settings.home)
            found = {f"{one.name}/{one.name}": one for one in client.read_deployments()}
    assert {found[name].work_pool_name for name in names} == {"jobs"}
    with (
        get_client(sync_client=True) as client,
        pytest.raises(ProblemError, match=r"'jobs' is there with type kubernetes.*RATCHET_WORK_POOL_TYPE says process"),
    ):
        make_pool(client, settings, "jobs")
