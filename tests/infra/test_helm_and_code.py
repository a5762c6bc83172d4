"""The chart against our code: variables are settings, probed paths are answered, commands exist."""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from pipelines.cli import COMMANDS
from pipelines.core.settings import Settings
from pipelines.stack.lineup import lineup

ROOT = Path(__file__).parents[2]
EXAMPLES = ("", "single-node.yaml", "existing-tools.yaml", "many-nodes.yaml")
NOT_FOR_VALUES = {
    *("home", "data", "history_root", "host", "database_url", "workers", "require_keys", "drain_seconds"),
    *("service_port", "mlflow_port", "prefect_port", "evidently_port", "console_port"),
    *("service_key", "mlflow_database_url", "prefect_database_url"),
}
"""Settings that the chart itself gives, or that are secret."""


async def answered(app: Any, paths: tuple[str, ...]) -> set[str]:
    """The paths that the application answers with 200, once it has started."""
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport) as client:
        return {path for path in paths if (await client.get(f"http://127.0.0.1{path}")).status_code == 200}


def test_values_may_name_every_setting_that_is_theirs() -> None:
    schema = json.loads((ROOT / "infra" / "helm" / "ratchet" / "values.schema.json").read_text())
    named = set(schema["properties"]["settings"]["propertyNames"]["enum"])
    wanted = set(Settings.model_fields) - NOT_FOR_VALUES
    assert named == wanted, "settings have changed: put the difference into infra/helm/ratchet/values.schema.json"


def test_a_service_beside_ours_would_be_taken_for_a_setting() -> None:
    # Why every pod says enableServiceLinks: false: the variable of the Service `ratchet-mlflow` is a setting's.
    assert "mlflow_port" in Settings.model_fields


@pytest.mark.servers
@pytest.mark.parametrize("example", EXAMPLES)
def test_every_variable_of_ours_is_a_setting_with_a_value_that_it_takes(
    example: str, monkeypatch: pytest.MonkeyPatch, charts: ModuleType
) -> None:
    others = {"RATCHET_ARTIFACTS"}  # read by infra/images/start.sh
    seen = 0
    for name, environment in charts.environments(charts.rendered(example)):
        ours = {key: value for key, value in environment.items() if key.startswith("RATCHET_")}
        known = {f"RATCHET_{field.upper()}" for field in Settings.model_fields} | others
        assert set(ours) <= known, name
        with monkeypatch.context() as patch:
            for key in [key for key in os.environ if key.startswith("RATCHET_")]:
                patch.delenv(key)
            for key, value in ours.items():
                patch.setenv(key, value)
            Settings()
        seen += len(ours)
    assert seen > 30


@pytest.mark.servers
def test_probes_ask_for_paths_that_the_services_have(settings: Settings, charts: ModuleType) -> None:
    from services.console.site import create_site
    from services.prediction.app import create_app

    paths = {"worker": {"/health"}}  # of `prefect worker start --with-healthcheck`
    for name, made, wanted in (
        ("prediction", create_app(settings), ("/healthz", "/readyz", "/metrics")),
        ("console", create_site(settings), ("/healthz", "/metrics")),
    ):
        paths[name] = asyncio.run(answered(made, wanted))
    told = {member.name: member for member in lineup(settings)}
    asked: list[str] = []
    for name in ("mlflow", "prefect", "evidently"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pipelines.stack.lineup.answers", lambda url: asked.append(url) or True)
            told[name].works({name: 1, "prefect": 1}, "")
        paths[name] = {re.sub(r"^https?://[^/]+", "", asked[-1])}
    probed = set()
    for name, pod in charts.pods(charts.rendered("many-nodes.yaml")):
        component = name.removeprefix("ratchet-")
        for container in pod["containers"]:
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                if "httpGet" in container.get(kind, {}):
                    assert container[kind]["httpGet"]["path"] in paths[component], (name, kind)
                    probed.add((component, kind.removesuffix("Probe")))
    for component in ("prediction", "console", "mlflow", "prefect", "evidently"):
        assert {(component, kind) for kind in ("startup", "readiness", "liveness")} <= probed
    assert {("worker", "startup"), ("worker", "liveness")} <= probed
    for one in charts.of_kind(charts.rendered("many-nodes.yaml"), "ServiceMonitor").values():
        component = one["metadata"]["name"].removeprefix("ratchet-")
        assert one["spec"]["endpoints"][0]["path"] in paths[component]


@pytest.mark.servers
@pytest.mark.parametrize("example", EXAMPLES)
def test_what_is_started_exists(example: str, charts: ModuleType) -> None:
    roles = re.findall(r"^  ([a-z|]+)\)$", (ROOT / "infra" / "images" / "start.sh").read_text(), re.MULTILINE)
    for name, pod in charts.pods(charts.rendered(example)):
        command = pod["containers"][0]["command"]
        if command[0] == "start":
            assert command[1] in roles, name
        elif command[0] == "ratchet":
            assert command[1] in COMMANDS, name
        elif command[:2] == ["python", "-m"]:
            assert (ROOT / f"{command[2].replace('.', '/')}/__main__.py").is_file(), name
        else:
            assert command[0] in ("dask", "python"), name


@pytest.mark.servers
def test_only_a_worker_that_makes_jobs_may_talk_to_the_cluster(charts: ModuleType) -> None:
    plain, jobs = charts.rendered(""), charts.rendered("many-nodes.yaml")
    assert not charts.of_kind(plain, "Role")
    (role,) = charts.of_kind(jobs, "Role").values()
    may = {(kind, verb) for rule in role["rules"] for kind in rule["resources"] for verb in rule["verbs"]}
    assert {("jobs", "create"), ("jobs", "watch"), ("pods", "list"), ("pods/log", "get")} <= may
    assert not {kind for kind, _ in may} & {"secrets", "configmaps", "*"}
    for name, pod in charts.pods(jobs):
        sources = [
            source for volume in pod.get("volumes", ()) for source in volume.get("projected", {}).get("sources", ())
        ]
        tokens = [source for source in sources if "serviceAccountToken" in source]
        assert len(tokens) == (1 if name == "ratchet-worker" else 0), name
    data = charts.of_kind(jobs, "ConfigMap")["ratchet-settings"]["data"]
    assert data["RATCHET_FLOW_IMAGE"] == dict(charts.pods(jobs))["ratchet-worker"]["containers"][0]["image"]


@pytest.mark.servers
def test_a_flow_run_in_a_job_sees_what_the_worker_sees_but_its_token(charts: ModuleType) -> None:
    from pipelines.flows.own_pod import read_pod
    from pipelines.flows.pools import kubernetes_template

    manifests = charts.rendered("many-nodes.yaml")
    worker = dict(charts.pods(manifests))["ratchet-worker"]
    pod = read_pod({"metadata": {"namespace": "ml"}, "spec": json.loads(json.dumps(worker))})
    settings = Settings(work_pool_type="kubernetes", flow_image="ratchet/platform:0.1.0")
    template = kubernetes_template(settings, pod)["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    (container,) = template["containers"]
    assert container["envFrom"] == [{"configMapRef": {"name": "ratchet-settings"}}]
    assert {"PREFECT_API_URL", "PREFECT_HOME"} <= {one["name"] for one in container["env"]}
    assert {one["mountPath"] for one in container["volumeMounts"]} >= {"/var/lib/ratchet", "/run/secrets"}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["resources"] == worker["containers"][0]["resources"]
    assert (template["enableServiceLinks"], template["securityContext"]["runAsUser"]) == (False, 10001)
    assert "serviceAccountToken" not in json.dumps(template["volumes"])


@pytest.mark.servers
def test_large_numbers_and_truth_values_arrive_as_they_are_written(charts: ModuleType) -> None:
    data = charts.of_kind(charts.rendered("existing-tools.yaml"), "ConfigMap")["ratchet-settings"]["data"]
    assert (data["RATCHET_MAX_BODY"], data["RATCHET_ACCESS_LOG"]) == ("32000000", "true")
    data = charts.of_kind(charts.render("--set", "settings.poll_seconds=0.25"), "ConfigMap")["ratchet-settings"]["data"]
    assert data["RATCHET_POLL_SECONDS"] == "0.25"


@pytest.mark.servers
def test_rules_for_prometheus_are_taken_over_word_for_word(charts: ModuleType) -> None:
    files = sorted((ROOT / "infra" / "prometheus" / "rules").glob("*.yml"))
    options = [part for path in files for part in ("--set-file", f"monitoring.rules.{path.stem}={path}")]
    (made,) = charts.of_kind(charts.render(*options), "PrometheusRule").values()
    yaml = YAML(typ="safe")
    assert made["spec"]["groups"] == [group for path in files for group in yaml.load(path.read_text())["groups"]]
