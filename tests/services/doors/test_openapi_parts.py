"""Every operation tells its errors, its headers and the scope of its key."""

from __future__ import annotations

from services.prediction.description.openapi_parts import REFUSALS, content, operation, shared_components


def test_a_body_brings_its_own_refusals() -> None:
    answer = content({"type": "string"})
    post = operation("a", "A", "Does.", "t", "predict", answer, body=answer)
    get = operation("b", "B", "Tells.", "t", "read", answer)
    assert {str(status) for status in REFUSALS} | {"200", "default"} == set(post["responses"])
    assert "413" not in get["responses"]
    assert post["security"] == [{}, {"bearer": ["predict"]}, {"key": ["predict"]}]
    assert "Scope: `predict`." in post["description"]


def test_an_open_operation_asks_for_no_key() -> None:
    described = operation("a", "A", "Tells.", "t", "open", content({}))
    assert described["security"] == []
    assert "401" not in described["responses"]


def test_waiting_is_told_where_it_helps() -> None:
    responses = shared_components()["responses"]
    assert "Retry-After" in responses["V2Error429"]["headers"]
    assert "Retry-After" in responses["Error503"]["headers"]
    assert "Retry-After" not in responses["InvocationError422"]["headers"]


def test_protocols_name_what_their_clients_read() -> None:
    schemas = shared_components()["schemas"]
    assert schemas["V2Error"]["allOf"][1]["required"] == ["error"]
    assert schemas["InvocationError"]["allOf"][1]["required"] == ["error_code", "message"]
    assert "request_id" in schemas["Error"]["required"]
