"""The whole document is valid, its examples fit, and what the doors really answer is what it describes."""

from __future__ import annotations

import re
from typing import Any

import jsonschema_rs
import numpy as np
import orjson
import pytest
import schemathesis

from pipelines.core.errors import NotFound, PayloadError
from services.prediction.description.docs_page import docs_page
from services.prediction.description.openapi import describe_api
from services.prediction.faults import fault_of, render
from services.prediction.protocols import invocations, v2
from services.prediction.ways import WAYS

BASE = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/more": {"get": {"responses": {}}}}}


@pytest.fixture
def document(desk: Any) -> dict[str, Any]:
    base: dict[str, Any] = orjson.loads(orjson.dumps(BASE))
    return describe_api(base, desk.champions.serving())


def fits(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    """AssertionError unless the value is valid by a schema of the document."""
    whole = {"components": document["components"], **schema}
    errors = [f"{error.instance_path}: {error.message}" for error in jsonschema_rs.iter_errors(whole, value)]
    assert errors == []


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, verb, one) for path, verbs in document["paths"].items() for verb, one in verbs.items()]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for path in set(re.findall(r'"\$ref":"#/([^"]+)"', orjson.dumps(document).decode())):
        found: Any = document
        for name in path.split("/"):
            assert name in found, path
            found = found[name]


def test_schemathesis_can_use_every_operation(document: dict[str, Any]) -> None:
    schema = schemathesis.openapi.from_dict(document)
    schema.validate()
    found = list(schema.get_all_operations())
    assert len(found) == len(operations(document))
    assert [one for one in found if not hasattr(one, "ok")] == []
    described = [one["operationId"] for path, _, one in operations(document) if path != "/more"]
    assert len(set(described)) == len(described)


def test_every_way_is_described(document: dict[str, Any]) -> None:
    described = {(verb.upper(), path) for path, verb, _ in operations(document)}
    for way in WAYS:
        assert (way.method, way.template.replace("{problem}", "loans")) in described


def test_scopes_are_those_of_the_ways(document: dict[str, Any]) -> None:
    for way in WAYS:
        one = document["paths"][way.template.replace("{problem}", "loans")][way.method.lower()]
        wanted = [] if way.scope == "open" else [{}, {"bearer": [way.scope]}, {"key": [way.scope]}]
        assert one["security"] == wanted, way.template


def test_examples_fit_their_schemas(document: dict[str, Any]) -> None:
    seen = 0
    for _, _, one in operations(document):
        for part in one.get("requestBody", {}).get("content", {}).values():
            if "example" in part:
                fits(document, part["schema"], part["example"])
                seen += 1
    assert seen == 5


def test_examples_are_answered_as_described(desk: Any, document: dict[str, Any]) -> None:
    for path, door in (("/v1/models/loans/invocations", invocations.invoke), ("/v2/models/loans/infer", v2.infer)):
        one = document["paths"][path]["post"]
        part = one["requestBody"]["content"]["application/json"]
        reply = desk.ask(door, part["example"])
        answer = orjson.loads(reply.body)
        fits(document, one["responses"]["200"]["content"][reply.media]["schema"], answer)
        assert desk.seen["amount"] == [12.5]
        assert not np.isnat(np.asarray(desk.seen["since"], dtype="M8[us]"))[0]


def test_metadata_and_health_are_answered_as_described(desk: Any, document: dict[str, Any]) -> None:
    doors = {
        "/v2": v2.server,
        "/v2/health/live": v2.live,
        "/v2/health/ready": v2.ready,
        "/v2/models/loans": v2.model,
        "/v2/models/loans/ready": v2.model_ready,
    }
    for path, door in doors.items():
        answers = document["paths"][path]["get"]["responses"]
        fits(document, answers["200"]["content"]["application/json"]["schema"], orjson.loads(desk.ask(door).body))
    desk.champions.waiting.add("later")
    for path in ("/v2/health/ready", "/v2/models/loans/ready"):
        reply = desk.ask(doors[path], problem="later")
        answers = document["paths"][path]["get"]["responses"]
        assert reply.status == 503
        fits(document, answers["503"]["content"]["application/json"]["schema"], orjson.loads(reply.body))


@pytest.mark.parametrize("path", ["/v1/models/loans/predict", "/v1/models/loans/invocations", "/v2/models/loans/infer"])
@pytest.mark.parametrize("error", [PayloadError("wrong"), NotFound("gone")])
def test_errors_are_told_as_described(document: dict[str, Any], path: str, error: Exception) -> None:
    fault = fault_of(error)
    response = document["paths"][path]["post"]["responses"][str(fault.status)]
    described = document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    schema = described["content"]["application/problem+json"]["schema"]
    fits(document, schema, orjson.loads(render(fault, "r", path)))
    assert {"X-Request-Id", "traceparent"} <= set(described["headers"])


def test_the_page_shows_the_examples(document: dict[str, Any]) -> None:
    page = docs_page(document)
    assert "&quot;dataframe_split&quot;" in page
    assert "application/vnd.apache.arrow.stream" in page
    assert "The API key lacks the scope" in page


def test_paths_that_fastapi_described_have_our_errors(document: dict[str, Any]) -> None:
    assert document["paths"]["/more"]["get"]["responses"]["default"]["$ref"].endswith("/Error")
