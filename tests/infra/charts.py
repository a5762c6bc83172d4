"""The chart as Helm renders it: what the tests of it share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

CHART = Path(__file__).parents[2] / "infra" / "helm" / "ratchet"
_BESIDE = Path(sys.executable).with_name("helm")
HELM = os.environ.get("HELM") or (str(_BESIDE) if _BESIDE.exists() else shutil.which("helm"))
Manifest = dict[str, Any]


def helm(*arguments: object) -> subprocess.CompletedProcess[str]:
    assert HELM is not None
    return subprocess.run([HELM, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


def values_of(example: str) -> list[str]:
    return ["-f", str(CHART.parent / "examples" / example)] if example else []


def render(*options: str, name: str = "ratchet") -> list[Manifest]:
    done = helm("template", name, CHART, "--namespace", "ml", *options)
    assert done.returncode == 0, done.stderr
    return [one for one in YAML(typ="safe").load_all(done.stdout) if one]


@cache
def rendered(example: str) -> tuple[Manifest, ...]:
    return tuple(render(*values_of(example)))


def pods(manifests: tuple[Manifest, ...] | list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """The spec of every pod, with the name of what makes it."""
    for one in manifests:
        if one["kind"] in ("Deployment", "Job"):
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]
        elif one["kind"] == "Pod":
            yield one["metadata"]["name"], one["spec"]


def of_kind(manifests: tuple[Manifest, ...] | list[Manifest], kind: str) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] == kind}


def environments(manifests: tuple[Manifest, ...] | list[Manifest]) -> Iterator[tuple[str, dict[str, str]]]:
    """All variables of each container, those of its ConfigMap included; what a field gives is empty."""
    maps = of_kind(manifests, "ConfigMap")
    for name, pod in pods(manifests):
        for container in pod["containers"]:
            found: dict[str, str] = {}
            for source in container.get("envFrom", ()):
                found |= maps[source["configMapRef"]["name"]]["data"]
            found |= {one["name"]: one.get("value", "") for one in container.get("env", ())}
            yield f"{name}/{container['name']}", found
