"""The chart by itself: linted, rendered with every example, held against Kubernetes' own schema."""

from __future__ import annotations

import json
import re
from types import ModuleType

import pytest

EXAMPLES = ("", "single-node.yaml", "existing-tools.yaml", "many-nodes.yaml")
VERSIONS = ("1.28", "1.37")
OURS = "monitoring.coreos.com/v1"  # resources of the Prometheus operator: their schema is not Kubernetes'


@pytest.mark.servers
@pytest.mark.parametrize("example", EXAMPLES)
def test_it_lints_and_fits_the_api(example: str, charts: ModuleType) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    done = charts.helm("lint", charts.CHART, "--strict", *charts.values_of(example))
    assert done.returncode == 0, done.stdout + done.stderr
    for one in charts.rendered(example):
        if one["apiVersion"] == OURS:
            continue
        for version in VERSIONS:
            kubernetes_validate.validate(one, version, strict=True)
    names = [(one["apiVersion"], one["kind"], one["metadata"]["name"]) for one in charts.rendered(example)]
    assert len(names) == len(set(names))
    assert {one["metadata"]["namespace"] for one in charts.rendered(example)} == {"ml"}


@pytest.mark.servers
@pytest.mark.parametrize("example", EXAMPLES)
def test_every_pod_is_confined(example: str, charts: ModuleType) -> None:
    for name, pod in charts.pods(charts.rendered(example)):
        context = pod["securityContext"]
        assert (context["runAsNonRoot"], context["runAsUser"]) == (True, 10001), name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert (pod["enableServiceLinks"], pod["automountServiceAccountToken"]) == (False, False), name
        for container in pod["containers"]:
            own = container["securityContext"]
            assert (own["readOnlyRootFilesystem"], own["allowPrivilegeEscalation"]) == (True, False), name
            assert own["capabilities"] == {"drop": ["ALL"]}, name
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}, name
            assert "memory" in container["resources"]["limits"], name
            assert not container["image"].endswith((":latest", ":")), name


@pytest.mark.servers
@pytest.mark.parametrize("example", EXAMPLES)
def test_what_a_pod_refers_to_is_there(example: str, charts: ModuleType) -> None:
    manifests = charts.rendered(example)
    claims, accounts = charts.of_kind(manifests, "PersistentVolumeClaim"), charts.of_kind(manifests, "ServiceAccount")
    for name, pod in charts.pods(manifests):
        volumes = {one["name"]: one for one in pod.get("volumes", ())}
        mounted = [one["name"] for container in pod["containers"] for one in container.get("volumeMounts", ())]
        assert set(mounted) == set(volumes), name
        assert pod.get("serviceAccountName") in (None, *accounts), name
        for one in volumes.values():
            claim = one.get("persistentVolumeClaim", {}).get("claimName")
            assert claim is None or claim in claims or claim.startswith("shared-"), name
    deployments, services = charts.of_kind(manifests, "Deployment"), charts.of_kind(manifests, "Service")
    for name, one in deployments.items():
        labels = one["spec"]["template"]["metadata"]["labels"].items()
        assert one["spec"]["selector"]["matchLabels"].items() <= labels, name
    for name, one in services.items():
        (owner,) = (
            found
            for found in deployments.values()
            if found["spec"]["selector"]["matchLabels"] == one["spec"]["selector"]
        )
        ports = {port["name"] for port in owner["spec"]["template"]["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in one["spec"]["ports"]} <= ports, name
    for one in charts.of_kind(manifests, "HorizontalPodAutoscaler").values():
        target = deployments[one["spec"]["scaleTargetRef"]["name"]]
        assert "replicas" not in target["spec"]
    for one in charts.of_kind(manifests, "PodDisruptionBudget").values():
        wanted = one["spec"]["selector"]
        assert any(found["spec"]["selector"] == wanted for found in deployments.values())
    for one in charts.of_kind(manifests, "Ingress").values():
        (rule,) = one["spec"]["rules"]
        backend = rule["http"]["paths"][0]["backend"]["service"]
        assert backend["port"]["name"] in {port["name"] for port in services[backend["name"]]["spec"]["ports"]}


@pytest.mark.servers
@pytest.mark.parametrize("example", EXAMPLES)
def test_addresses_are_those_of_the_services_that_it_makes(example: str, charts: ModuleType) -> None:
    manifests = charts.rendered(example)
    services = charts.of_kind(manifests, "Service")
    data = charts.of_kind(manifests, "ConfigMap")["ratchet-settings"]["data"]
    inside = [value for value in data.values() if re.match(r"(http|tcp)://ratchet-", value)]
    assert len(inside) >= (1 if example == "existing-tools.yaml" else 3)
    for address in inside:
        host, port = re.findall(r"//([a-z-]+):(\d+)", address)[0]
        assert int(port) in {one["port"] for one in services[host]["spec"]["ports"]}, address
    if "ratchet-mlflow" in services:
        mlflow = next(found for name, found in charts.environments(manifests) if name == "ratchet-mlflow/mlflow")
        assert data["RATCHET_MLFLOW_URI"].removeprefix("http://") in mlflow["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")


@pytest.mark.servers
def test_a_prediction_pod_answers_what_it_has_before_it_ends(charts: ModuleType) -> None:
    for options in ([], ["--set", "prediction.drainSeconds=45", "--set", "prediction.leaveSeconds=15"]):
        manifests = charts.render(*options)
        spec = charts.of_kind(manifests, "Deployment")["ratchet-prediction"]["spec"]["template"]["spec"]
        environment = dict(charts.environments(manifests))["ratchet-prediction/prediction"]
        leave = int(spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
        assert spec["terminationGracePeriodSeconds"] > leave + float(environment["RATCHET_DRAIN_SECONDS"])
        mounts = {one["name"]: one for one in spec["containers"][0]["volumeMounts"]}
        assert mounts["history"]["readOnly"] is True


@pytest.mark.servers
def test_tools_without_keys_are_reached_by_our_own_pods_alone(charts: ModuleType) -> None:
    policies = charts.of_kind(charts.rendered(""), "NetworkPolicy")
    assert policies["ratchet-closed"]["spec"]["policyTypes"] == ["Ingress"]
    assert "ingress" not in policies["ratchet-closed"]["spec"]
    for name in ("mlflow", "prefect", "evidently", "dask-scheduler"):
        (rule,) = policies[f"ratchet-{name}"]["spec"]["ingress"]
        (peer,) = rule["from"]
        assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "ratchet", name
    closed = charts.of_kind(charts.rendered("existing-tools.yaml"), "NetworkPolicy")["ratchet-prediction"]["spec"][
        "ingress"
    ][0]
    assert [next(iter(peer)) for peer in closed["from"]] == ["podSelector", "namespaceSelector"]
    jobs = charts.of_kind(charts.rendered("many-nodes.yaml"), "NetworkPolicy")["ratchet-mlflow"]["spec"]["ingress"][0]
    assert "prefect.io/flow-run-id" in json.dumps(jobs)


@pytest.mark.servers
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--set", "settings.mlflow_ur=x"], "mlflow_ur"),
        (["--set", "settings.database_url=postgresql://u:secret@h/d"], "database_url"),
        (["--set", "environment.RATCHET_HOME=/x"], "RATCHET_HOME"),
        (["--set", "predictions.replicas=3"], "predictions"),
        (["--set", "mlflow.enabled=false"], "settings.mlflow_uri must say where MLflow is"),
        (["--set", "prefect.enabled=false"], "settings.prefect_url must say where Prefect is"),
        (["--set", "settings.work_pool_type=docker"], "work_pool_type"),
        (["--set", "prediction.ingress.enabled=true"], "prediction.ingress.host must be named"),
    ],
)
def test_values_that_cannot_work_are_refused(options: list[str], told: str, charts: ModuleType) -> None:
    done = charts.helm("template", "ratchet", charts.CHART, *options)
    assert done.returncode != 0
    assert told in done.stderr


@pytest.mark.servers
def test_two_installations_do_not_share_a_name(charts: ModuleType) -> None:
    one, other = ({(m["kind"], m["metadata"]["name"]) for m in charts.render(name=name)} for name in ("blue", "green"))
    assert not one & other
    assert ("Deployment", "blue-ratchet-prediction") in one
