"""The workflow files: what they may do, and what they call."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from pipelines.cli import build

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEXTS = {path.stem: path.read_text() for path in WORKFLOWS}
READ = {name: YAML(typ="safe").load(text) for name, text in TEXTS.items()}


def steps(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for job, content in READ[name]["jobs"].items():
        for step in content["steps"]:
            yield job, step


def scripts() -> Iterator[tuple[str, str]]:
    for name in READ:
        for job, step in steps(name):
            if "run" in step:
                yield f"{name}/{job}/{step['name']}", step["run"]


def test_there_is_one_for_changes_and_one_for_releases() -> None:
    assert set(READ) == {"pull-request", "release"}
    assert set(READ["pull-request"]["jobs"]) == {"code", "data", "model", "comment"}
    assert set(READ["release"]["jobs"]) == {"code", "images", "deploy", "model"}


@pytest.mark.parametrize("name", sorted(READ))
def test_rights_are_few_and_time_is_limited(name: str) -> None:
    workflow = READ[name]
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["defaults"]["run"]["shell"] == "bash"  # with pipefail
    for job, content in workflow["jobs"].items():
        assert content["timeout-minutes"] <= 120, job
        assert content.get("permissions", {}) in ({}, {"pull-requests": "write"}), job
    assert "pull_request_target" not in TEXTS[name]


def test_what_runs_a_branch_has_no_secret_and_no_right_to_write() -> None:
    assert "secrets." not in TEXTS["pull-request"]
    for job, step in steps("pull-request"):
        if job == "comment":
            assert not step.get("uses", "").startswith("actions/checkout")
        elif step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


def test_what_others_wrote_reaches_a_shell_by_its_environment_alone() -> None:
    for place, script in scripts():
        assert "${{" not in script, place


def test_actions_are_pinned_by_commit_and_no_host_is_named() -> None:
    for name, text in TEXTS.items():
        for used in re.findall(r"uses: (.+)", text):
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used), (name, used)
        assert not re.search(r"(docker|ghcr|quay|gcr)\.io", text)


def test_only_a_release_touches_the_registry() -> None:
    for place, script in scripts():
        for line in script.replace("\\\n", " ").splitlines():
            if "ratchet train" in line:
                assert ("--dry-run" in line) == place.startswith("pull-request/"), place


def test_every_script_is_bash_and_calls_commands_and_options_that_exist() -> None:
    called = 0
    for place, script in scripts():
        done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (place, done.stderr)
        for line in script.replace("\\\n", " ").splitlines():
            for found in re.findall(r"\bratchet ((?:check|train|releases|card)\b[^|;]*)", line):
                name, *words = shlex.split(found)
                command = typer.main.get_command(build(name)).commands[name]  # type: ignore[attr-defined]
                known = {option for parameter in command.params for option in parameter.opts}
                assert {word for word in words if word.startswith("--")} <= known, (place, found)
                called += 1
            for target in re.findall(r"^\s*make ([a-z-]+)$", line):
                assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), (place, target)
    assert called == 3


def test_files_that_they_name_are_there() -> None:
    for image in ("platform", "prediction"):
        assert (ROOT / "infra" / "images" / f"{image}.Dockerfile").is_file()
    assert (ROOT / "infra" / "helm" / "ratchet" / "values.yaml").is_file()


def test_the_guide_names_every_variable_and_secret() -> None:
    guide = (ROOT / "docs" / "how-to" / "ci-cd.md").read_text()
    for text in TEXTS.values():
        for name in set(re.findall(r"(?:vars|secrets)\.(RATCHET_[A-Z0-9_]+)", text)):
            assert f"`{name}`" in guide, name
