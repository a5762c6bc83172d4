"""The doctor's look at other machines' services, over HTTP against servers that answer as they do."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest

from pipelines.core.settings import Settings
from pipelines.stack.far_services import clock_finding, far_services
from pipelines.stack.findings import Finding

Serve = Callable[[dict[str, Any]], str]

MODELS = {"registered_models": [{"name": "trains", "aliases": [{"alias": "champion", "version": "3"}]}]}
MLFLOW: dict[str, Any] = {
    "/health": b"OK",
    "/version": version("mlflow").encode(),
    "/api/2.0/mlflow/registered-models/search": MODELS,
}
PREFECT: dict[str, Any] = {
    "/api/health": True,
    "/api/admin/version": version("prefect"),
    "/api/work_pools/ratchet": {"type": "process", "is_paused": False},
    "/api/work_pools/ratchet/workers/filter": [{"name": "w", "status": "ONLINE"}],
    "/api/deployments/name/training/training": {"id": "1"},
}
SERVICE: dict[str, Any] = {
    "/healthz": {"status": "ok"},
    "/readyz": {"status": "ready", "models": {"trains": 3}, "refused": [], "registry": "ok"},
}
EVIDENTLY: dict[str, Any] = {"/api/version": {"application": "Evidently UI", "version": version("evidently")}}


def _examine(settings: Settings, serve: Serve, **changed: dict[str, Any]) -> dict[str, Finding]:
    parts = {"mlflow": MLFLOW, "prefect": PREFECT, "prediction": SERVICE, "evidently": EVIDENTLY}
    urls = {name: serve(answers | changed.get(name, {})) for name, answers in parts.items()}
    far = settings.model_copy(
        update={
            "mlflow_uri": urls["mlflow"],
            "prefect_url": f"{urls['prefect']}/api",
            "service_url": urls["prediction"],
            "evidently_url": urls["evidently"],
        }
    )
    return {finding.check: finding for finding in far_services(far)}


def test_the_embedded_stack_has_none(settings: Settings) -> None:
    assert list(far_services(settings)) == []


def test_a_stack_that_is_well(settings: Settings, serve: Serve) -> None:
    found = _examine(settings, serve)
    assert {finding.level for finding in found.values()} == {"ok"}, found
    assert {"mlflow", "mlflow artifacts", "prefect", "work pool", "worker", "deployments"} <= set(found)
    assert {"prediction", "evidently", "clock of mlflow", "clock of prefect", "clock of prediction"} <= set(found)
    assert "trains 3" in found["prediction"].found


@pytest.mark.parametrize(
    ("part", "changed", "check", "level"),
    [
        ("mlflow", {"/version": b"3.18.0"}, "mlflow", "error"),
        ("mlflow", {"writes": False}, "mlflow artifacts", "error"),
        ("mlflow", {"ahead": 20}, "clock of mlflow", "warning"),
        ("mlflow", {"/api/2.0/mlflow/registered-models/search": (500, {})}, "prediction", "error"),
        ("prefect", {"/api/admin/version": "3.9.1"}, "prefect", "error"),
        ("prefect", {"/api/work_pools/ratchet": (404, {})}, "work pool", "error"),
        ("prefect", {"/api/work_pools/ratchet": {"type": "docker"}}, "work pool", "error"),
        ("prefect", {"/api/work_pools/ratchet": {"type": "process", "is_paused": True}}, "work pool", "warning"),
        ("prefect", {"/api/work_pools/ratchet/workers/filter": []}, "worker", "error"),
        ("prefect", {"/api/deployments/name/training/training": (404, {})}, "deployments", "error"),
        ("prefect", {"ahead": -90}, "clock of prefect", "error"),
        ("prediction", {"/readyz": (503, {"status": "not ready", "registry": "x"})}, "prediction", "error"),
        ("prediction", {"/readyz": {"models": {"trains": 2}, "registry": "ok"}}, "served release", "warning"),
        ("prediction", {"/readyz": {"models": {}, "registry": "MLflow is away"}}, "prediction registry", "warning"),
        ("prediction", {"/readyz": {"models": {}, "refused": ["trains"]}}, "refused releases", "error"),
        ("evidently", {"/api/version": {"version": "0.8"}}, "evidently", "error"),
        ("evidently", {"/api/version": b"<html>"}, "evidently", "error"),
    ],
)
def test_what_is_wrong_is_told_with_advice(
    settings: Settings, serve: Serve, part: str, changed: dict[str, Any], check: str, level: str
) -> None:
    finding = _examine(settings, serve, **{part: changed})[check]
    assert finding.level == level
    assert finding.advice


def test_a_service_that_is_down_is_named_with_its_setting(settings: Settings) -> None:
    far = settings.model_copy(
        update={"mlflow_uri": "http://127.0.0.1:9", "console_url": "http://127.0.0.1:9", "console_port": 9}
    )
    found = {finding.check: finding for finding in far_services(far)}
    assert found["mlflow"].level == "error"
    assert "RATCHET_MLFLOW_URI" in found["mlflow"].advice
    assert found["console"].level == "warning"  # a browser's address need not be one of this network


def test_clocks() -> None:
    assert [clock_finding("x", ahead).level for ahead in (0, -4, 6, -59, 61)] == [
        "ok",
        "ok",
        "warning",
        "warning",
        "error",
    ]
    assert "behind ours" in clock_finding("x", -59).found
