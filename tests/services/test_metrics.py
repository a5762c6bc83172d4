"""Requests are counted by route, whatever the path."""

from __future__ import annotations

from typing import Any

from pipelines.stores.bundles.release_info import ReleaseInfo
from services.prediction.metrics import Metrics


def test_two_registries_do_not_collide() -> None:
    one, other = Metrics(), Metrics()
    one.count_rows(ReleaseInfo("loans", 2, "r", "", "", ""), 3)
    assert b'ratchet_rows_total{problem="loans",version="2"} 3.0' in one.exposition()
    assert b"loans" not in other.exposition()


def test_requests_are_counted_by_route_and_status(fresh: Any, loans: Any) -> None:
    fresh.post("/v1/models/loans/predict", json={"instances": loans.rows(4)})
    fresh.post("/v1/models/loans/predict", json={"instances": []})
    fresh.post("/v1/models/absent/predict", json={"instances": []})
    fresh.get("/wp-admin/secret.php")
    fresh.request("PROPFIND", "/coffee")
    text = fresh.get("/metrics").text
    route = 'route="/v1/models/{problem}/predict"'
    for status in ("200", "422", "404"):
        assert f'ratchet_requests_total{{method="POST",{route},status="{status}"}} 1.0' in text
    assert 'ratchet_requests_total{method="any",route="unmatched",status="404"} 2.0' in text
    assert "secret" not in text
    assert "PROPFIND" not in text
    assert f"ratchet_request_seconds_count{{{route}}} 3.0" in text
    assert 'ratchet_rows_total{problem="loans",version="1"} 4.0' in text
    assert 'ratchet_errors_total{kind="invalid-payload"} 1.0' in text
    assert 'ratchet_model_version{problem="loans"} 1.0' in text
    assert 'ratchet_swaps_total{problem="loans"} 1.0' in text
    assert "ratchet_batch_rows_sum 4.0" in text
    assert "ratchet_registry_up 1.0" in text
    assert "ratchet_log_queue 0.0" in text
    assert float(text.split("ratchet_log_lag_seconds ")[-1].split()[0]) > 0
