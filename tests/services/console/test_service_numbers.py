from __future__ import annotations

from services.console.service_numbers import read_numbers

TEXT = """# TYPE ratchet_requests_total counter
ratchet_requests_total{route="/v1/models/{problem}/predict",method="POST",status="200"} 90.0
ratchet_requests_total{route="/v1/models/{problem}/predict",method="POST",status="422"} 8.0
ratchet_requests_total{route="/v1/models/{problem}/predict",method="POST",status="503"} 2.0
ratchet_requests_total{route="/healthz",method="GET",status="200"} 500.0
# TYPE ratchet_request_seconds histogram
ratchet_request_seconds_bucket{route="/v1/models/{problem}/predict",le="0.005"} 40.0
ratchet_request_seconds_bucket{route="/v1/models/{problem}/predict",le="0.01"} 60.0
ratchet_request_seconds_bucket{route="/v1/models/{problem}/predict",le="+Inf"} 100.0
# TYPE ratchet_model_version gauge
ratchet_model_version{problem="flights"} 3.0
ratchet_model_version{problem="none"} 0.0
"""


def test_what_callers_asked_is_counted_and_what_watches_the_service_is_not() -> None:
    found = read_numbers(TEXT)
    assert (found.requests, found.failed, found.failing) == (100, 2, 0.02)
    assert found.median == 0.01
    assert found.serving == {"flights": [3]}


def test_replicas_are_added_up_and_may_serve_different_versions_for_a_moment() -> None:
    found = read_numbers(TEXT, TEXT.replace('{problem="flights"} 3.0', '{problem="flights"} 4.0'))
    assert (found.requests, found.failed, found.failing, found.replicas) == (200, 4, 0.02, 2)
    assert found.median == 0.01
    assert found.serving == {"flights": [3, 4]}


def test_a_service_that_was_never_asked_has_no_numbers() -> None:
    found = read_numbers("")
    assert (found.requests, found.failing, found.median, found.serving) == (0, 0.0, None, {})
