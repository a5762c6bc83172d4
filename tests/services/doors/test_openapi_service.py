"""What tells how the service is, is described with what it tells."""

from __future__ import annotations

from services.prediction.description.openapi_service import describe_service, service_schemas


def test_metrics_are_text() -> None:
    assert list(describe_service()["/metrics"]["get"]["responses"]["200"]["content"]) == ["text/plain"]


def test_not_ready_is_an_answer_of_its_own() -> None:
    described = describe_service()["/readyz"]["get"]
    assert set(described["responses"]["503"]["content"]) == {"application/json", "application/problem+json"}
    assert described["security"] == []


def test_a_model_may_be_known_and_not_served() -> None:
    properties = service_schemas()["Model"]["properties"]
    assert properties["version"]["type"] == ["integer", "null"]
