"""Grafana's files: what they name exists, and every metric that a panel or a rule asks for is one that we export."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ruamel.yaml import YAML

from services.console.archive_facts import archive_families
from services.console.problem_facts import problem_families
from services.console.stack_facts import Flows, StackFacts, stack_families
from services.prediction.metrics import Metrics

ROOT = Path(__file__).parents[2]
GRAFANA = ROOT / "infra" / "grafana"
RULES = ROOT / "infra" / "prometheus" / "rules"
OTHERS = re.compile(r"up|ALERTS|scrape_\w+|prometheus_\w+|process_\w+|haproxy_\w+|SeaweedFS_\w+")


@pytest.fixture(scope="module")
def dashboards(load_file: Any) -> ModuleType:
    """tests/infra/dashboards.py."""
    return load_file(Path(__file__).with_name("dashboards.py"))


def read(place: Path) -> Any:
    return YAML(typ="safe").load(place.read_text())


def exported() -> set[str]:
    """Every name that the two services tell, with the endings that counters and histograms have."""
    families = [*Metrics().registry.collect()]
    families += [*archive_families([]), *problem_families([]), *stack_families(StackFacts({}, Flows({}, 0, 0)))]
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    return {one.name + ending for one in families for ending in endings[one.type]} | {"ratchet_facts_seconds"}


def test_every_metric_is_one_that_is_exported(dashboards: ModuleType) -> None:
    rules = [rule for place in RULES.glob("*.yml") for group in read(place)["groups"] for rule in group["rules"]]
    known = exported() | {rule["record"] for rule in rules if "record" in rule}
    asked = {name: one.title for one in dashboards.panels() for name in one.metrics}
    asked |= {name: rule.get("alert", "") for rule in rules for name in dashboards.metrics_of(rule["expr"])}
    wrong = {name: where for name, where in asked.items() if name not in known and not OTHERS.fullmatch(name)}
    assert not wrong
    assert len(asked) > 40


def test_datasources_that_are_named_are_provisioned(dashboards: ModuleType) -> None:
    provisioned = {one["uid"] for one in read(GRAFANA / "provisioning/datasources/prometheus.yml")["datasources"]}
    for name, board in dashboards.boards().items():
        named = {one["datasource"]["uid"] for one in board["panels"] if one["type"] != "row"}
        named |= {target["datasource"]["uid"] for one in board["panels"] for target in one.get("targets", ())}
        named |= {one["datasource"]["uid"] for one in board["templating"]["list"]}
        named |= {one["datasource"]["uid"] for one in board["annotations"]["list"]}
        assert named <= provisioned, name


def test_the_compose_file_mounts_what_provisioning_names() -> None:
    compose = read(ROOT / "docker-compose.yml")["services"]
    (provider,) = read(GRAFANA / "provisioning/dashboards/ratchet.yml")["providers"]
    (source,) = read(GRAFANA / "provisioning/datasources/prometheus.yml")["datasources"]
    mounts = [str(one) for one in compose["grafana"]["volumes"]]
    assert f"./infra/grafana/dashboards:{provider['options']['path']}:ro" in mounts
    assert "./infra/grafana/provisioning:/etc/grafana/provisioning:ro" in mounts
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in compose


def test_boards_have_names_of_their_own_and_panels_that_do_not_overlap(dashboards: ModuleType) -> None:
    boards = dashboards.boards()
    assert len(boards) == 3
    assert len({board["uid"] for board in boards.values()}) == len({board["title"] for board in boards.values()}) == 3
    for name, board in boards.items():
        places = [one["gridPos"] for one in board["panels"]]
        assert all(place["x"] + place["w"] <= 24 for place in places), name
        assert not [pair for pair in combinations(places, 2) if _overlap(*pair)], name
        assert len({one["id"] for one in board["panels"]}) == len(board["panels"])


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (beside or below)
