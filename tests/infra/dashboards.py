"""Every panel of the dashboards with its query as Grafana would send it, and what a Prometheus answers to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

INFRA = Path(__file__).parents[2] / "infra"
FOLDER = INFRA / "grafana" / "dashboards"


@dataclass(frozen=True)
class Panel:
    """One query of a panel."""

    board: str
    title: str
    query: str

    @property
    def metrics(self) -> set[str]:
        """The names of the metrics that it asks for."""
        return metrics_of(self.query)


def boards() -> dict[str, dict[str, Any]]:
    """Every dashboard by the name of its file."""
    return {place.stem: json.loads(place.read_text()) for place in sorted(FOLDER.glob("*.json"))}


def panels() -> Iterator[Panel]:
    """Every query of every panel, its variables filled in as `All` fills them."""
    for name, board in boards().items():
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                yield Panel(name, panel["title"], filled(target["expr"]))


def filled(query: str) -> str:
    """The query without Grafana's variables.

    >>> filled('rate(a{problem=~"$problem"}[$__rate_interval])')
    'rate(a{problem=~".*"}[1m])'
    """
    query = query.replace("$__rate_interval", "1m")
    return re.sub(r"\$(problem|instance)\b", ".*", query)


def metrics_of(query: str) -> set[str]:
    """The names of metrics in a query, those of recording rules among them.

    >>> sorted(metrics_of('sum by (a) (rate(x_total{b="c"}[5m])) / on (a) r:s:t or vector(0)'))
    ['r:s:t', 'x_total']
    """
    bare = re.sub(r"\{[^}]*\}", "{}", re.sub(r'"[^"]*"', '""', query))
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", bare)
    words = set(re.findall(r"[A-Za-z_][A-Za-z0-9_:]*(?!\s*\()\b", bare))
    return {word for word in words if "_" in word or ":" in word or word in ("up", "ALERTS")} - {"group_left"}


def answer(url: str, query: str) -> list[dict[str, Any]]:
    """What Prometheus at `url` answers now; AssertionError where it does not understand the query."""
    told = httpx.get(f"{url}/api/v1/query", params={"query": query}, timeout=30, trust_env=False).json()
    assert told["status"] == "success", (query, told)
    found: list[dict[str, Any]] = told["data"]["result"]
    return found


def empty_panels(url: str, left_out: tuple[str, ...] = ()) -> list[Panel]:
    """Panels that this Prometheus has no data for; not asked are those of metrics that begin with `left_out`."""
    asked = [one for one in panels() if not any(name.startswith(left_out) for name in one.metrics if left_out)]
    return [one for one in asked if not answer(url, one.query)]
