"""The console's page for Prometheus, asked as Prometheus asks."""

from __future__ import annotations

import time
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.api_keys import ApiKeys
from services.console.metrics_page import KEPT, MetricsPage
from services.console.phrases import as_utc


def samples(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """The values of each metric by the values of its labels, in the order of the labels' names."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            found.setdefault(one.name, {})[tuple(one.labels[name] for name in sorted(one.labels))] = one.value
    return found


def test_the_page_tells_what_the_ledger_holds(lived: Any) -> None:
    answer = lived.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = samples(answer.text)
    assert found["ratchet_champion_version"] == {("arrivals",): 3}
    assert found["ratchet_verdict_level"]["performance", "arrivals"] == 2
    assert found["ratchet_verdict_window_seconds"]["arrivals",] == 7 * 86_400
    assert found["ratchet_neighbour_up"] == {("database",): 1}
    assert 0 < found["ratchet_disk_free_bytes"]["home",] <= found["ratchet_disk_size_bytes"]["home",]
    assert found["ratchet_facts_seconds"][()] > 0


def test_an_empty_home_is_told_of_too(site: Any) -> None:
    found = samples(site.get("/metrics").text)
    assert "ratchet_champion_version" not in found
    assert found["ratchet_neighbour_up"] == {("database",): 1}


def test_without_the_database_the_rest_is_told(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> list[str]:
        raise Unavailable("the database does not answer")

    monkeypatch.setattr(site.desk, "problems", fail)
    found = samples(site.get("/metrics").text)
    assert found["ratchet_neighbour_up"] == {("database",): 0}
    assert "ratchet_disk_free_bytes" in found


def test_a_page_is_made_once_for_all_who_scrape(desk: Any) -> None:
    now = [0.0]
    page = MetricsPage(desk, lambda: now[0])
    first = page.text()
    assert page.text() is first
    now[0] = KEPT + 1
    assert page.text() is not first


def test_a_key_that_may_read_is_asked_for(guarded: Any, settings: Settings) -> None:
    refused = guarded.get("/metrics", follow_redirects=False)
    assert (refused.status_code, refused.headers["content-type"]) == (401, "text/plain; charset=utf-8")
    keys = ApiKeys(settings.database)
    _, wrong = keys.create("app", ["predict"], at=as_utc(guarded.desk.clock()), by="Ada")
    _, right = keys.create("prometheus", ["read"], at=as_utc(guarded.desk.clock()), by="Ada")
    keys.close()
    deadline = time.monotonic() + 20
    while guarded.get("/metrics", headers={"Authorization": f"Bearer {wrong}"}).status_code != 403:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert guarded.get("/metrics", headers={"Authorization": f"Bearer {right}"}).status_code == 200
