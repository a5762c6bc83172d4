"""The alert rules: understood by promtool, each tested firing and silent, each with words that help."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from pipelines.cli import build

FOLDER = Path(__file__).parents[2] / "infra" / "prometheus"
RULES = sorted(FOLDER.glob("rules/*.yml"))
CASES = sorted(FOLDER.glob("rules-tests/*.yml"))
WANTED = {  # what the issue asks for: no champion, errors, latency, log lag, alarm, label drought, failed flow, disk
    *("RatchetNoChampion", "RatchetNotServed", "RatchetErrors", "RatchetSlow", "RatchetLogLag", "RatchetAlarm"),
    *("RatchetLabelDrought", "RatchetFlowFailed", "RatchetDiskFull", "RatchetTargetDown", "Watchdog"),
}


def alerts() -> dict[str, dict[str, Any]]:
    """Every alert by its name."""
    groups = [group for place in RULES for group in YAML(typ="safe").load(place.read_text())["groups"]]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def test_every_alert_that_is_wanted_is_there_and_says_what_to_do() -> None:
    found = alerts()
    assert set(found) >= WANTED
    for name, rule in found.items():
        assert rule["labels"]["severity"] in ("critical", "warning", "info", "none"), name
        assert rule["annotations"]["summary"], name
        assert name == "Watchdog" or rule["annotations"]["what_to_do"], name


def test_every_alert_is_tested_firing_and_silent() -> None:
    checks: dict[str, list[bool]] = {}
    for place in CASES:
        for case in YAML(typ="safe").load(place.read_text())["tests"]:
            for one in case["promql_expr_test"]:
                assert f'alertname="{case["name"]}"' in one["expr"]
                checks.setdefault(case["name"], []).append(bool(one["exp_samples"]))
    assert set(checks) == set(alerts())
    for name, fires in checks.items():
        assert True in fires, name
        assert name == "Watchdog" or False in fires, name


def test_commands_that_an_alert_names_exist() -> None:
    found = [rule["annotations"].get("what_to_do", "") for rule in alerts().values()]
    named = {tuple(words.split()) for text in found for words in re.findall(r"`ratchet ([a-z]+(?: [a-z]+)?)", text)}
    for words in named:
        root = typer.main.get_command(build(words[0]))
        command = root.commands[words[0]]  # type: ignore[attr-defined]
        group = getattr(command, "commands", None)
        assert group is None or len(words) < 2 or words[1] in group, words
    assert len(named) > 3


@pytest.mark.servers
@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool: Debian package prometheus")
@pytest.mark.parametrize(
    "command",
    [
        ["check", "config", "--syntax-only", str(FOLDER / "prometheus.yml")],
        ["check", "rules", "--lint-fatal", *map(str, RULES)],
        ["test", "rules", *map(str, CASES)],
    ],
    ids=["config", "rules", "tests of the rules"],
)
def test_promtool_finds_nothing_wrong(command: list[str]) -> None:
    done = subprocess.run(["promtool", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
