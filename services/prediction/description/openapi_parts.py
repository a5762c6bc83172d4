"""What all operations of the API's description share: errors, headers, keys, and the form of an operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from services.prediction.paths import Scope

Flavour = Literal["Error", "V2Error", "InvocationError"]
JSON, PROBLEM = "application/json", "application/problem+json"
REFUSALS = {
    400: "The request is malformed",
    401: "An API key is needed, or the one sent is unknown or revoked",
    403: "The API key lacks the scope",
    404: "No such model, version, prediction or path",
    405: "The path answers to other methods",
    408: "The request took too long to arrive",
    413: "Too many bytes or too many rows in one request",
    415: "The media type is not taken here",
    422: "The request breaks the contract: names row and feature",
    429: "The API key sends faster than it may",
    500: "A fault of the service; it is logged under the request id",
    503: "No release is in service, the log takes no rows, or too many requests wait",
}
_WITHOUT_BODY = (401, 403, 404, 405, 429, 500, 503)
_WAIT = (429, 503)
_ISSUE = {
    "type": "object",
    "required": ["row", "feature", "message"],
    "properties": {
        "row": {"type": "integer", "minimum": 0, "description": "Position in the request, from 0"},
        "feature": {"type": ["string", "null"]},
        "message": {"type": "string"},
    },
}
_ERROR: dict[str, Any] = {
    "type": "object",
    "description": "An error (RFC 9457)",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "urn:ratchet:<kind>", "examples": ["urn:ratchet:invalid-payload"]},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What is wrong, which, and what to do next"},
        "request_id": {"type": "string", "description": "As in the header X-Request-Id and in the service's log"},
        "errors": {"type": "array", "items": _ISSUE, "description": "The first hundred cells that are wrong"},
    },
}
_MORE: dict[Flavour, dict[str, Any]] = {
    "V2Error": {"error": {"type": "string", "description": "The detail, where protocol V2 has it"}},
    "InvocationError": {
        "error_code": {"type": "string", "description": "MLflow's word for the status", "examples": ["BAD_REQUEST"]},
        "message": {"type": "string", "description": "The detail, where MLflow has it"},
    },
}
_KEYS = (
    "Asked for as soon as the service binds beyond loopback. Scopes: `predict` (predictions, explanations), `label` "
    "(labels), `read` (models, predictions, metrics, this description), `admin` (all of them)."
)
_HEADERS: dict[str, Any] = {
    "X-Request-Id": {
        "description": "The id of this request, in errors and in the log; sent with a request it is taken over",
        "required": True,
        "schema": {"type": "string"},
    },
    "traceparent": {
        "description": "W3C trace context: the trace that came with the request, or a new one",
        "required": True,
        "schema": {"type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"},
    },
    "Retry-After": {
        "description": "Seconds to wait before sending the request again",
        "schema": {"type": "integer", "minimum": 0},
    },
}
TRACED = {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", "traceparent")}
"""The headers of every answer."""


def shared_components() -> dict[str, Any]:
    """The components that operations refer to: error schemas, error responses, headers, ways to send a key."""
    schemas = {"Error": _ERROR}
    for flavour, more in _MORE.items():
        schemas[flavour] = {"allOf": [ref("Error"), {"type": "object", "required": list(more), "properties": more}]}
    responses = {
        f"{flavour}{status}": _refusal(text, flavour, status in _WAIT)
        for flavour in ("Error", *_MORE)
        for status, text in REFUSALS.items()
    }
    responses |= {flavour: _refusal("An error", flavour, False) for flavour in ("Error", *_MORE)}
    ways = {
        "bearer": {"type": "http", "scheme": "bearer", "description": f"An API key as a bearer token. {_KEYS}"},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": f"An API key. {_KEYS}"},
    }
    return {"schemas": schemas, "responses": responses, "headers": _HEADERS, "securitySchemes": ways}


def operation(
    name: str,
    summary: str,
    description: str,
    tag: str,
    scope: Scope,
    answer: Mapping[str, Any],
    body: Mapping[str, Any] | None = None,
    flavour: Flavour = "Error",
    parameters: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """One operation; `answer` and `body`: by media type. `name` is unique in the document."""
    statuses = [one for one in (REFUSALS if body else _WITHOUT_BODY) if scope != "open" or one not in (401, 403, 429)]
    refused = {str(one): {"$ref": f"#/components/responses/{flavour}{one}"} for one in statuses}
    described: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "description": description if scope == "open" else f"{description} Scope: `{scope}`.",
        "tags": [tag],
        "security": [] if scope == "open" else [{}, {"bearer": [scope]}, {"key": [scope]}],
        "responses": {
            "200": {"description": "The answer", "headers": TRACED, "content": dict(answer)},
            **refused,
            "default": {"$ref": f"#/components/responses/{flavour}"},
        },
    }
    if parameters:
        described["parameters"] = parameters
    if body:
        described["requestBody"] = {"required": True, "content": dict(body)}
    return described


def content(schema: dict[str, Any], example: Any = None) -> dict[str, Any]:
    """JSON of a schema, as `operation` takes it.

    >>> content({"type": "string"})
    {'application/json': {'schema': {'type': 'string'}}}
    """
    return {JSON: {"schema": schema} | ({} if example is None else {"example": example})}


def listing(**properties: dict[str, Any]) -> dict[str, Any]:
    """Schema of an object that has all of these properties.

    >>> listing(a={"type": "integer"})["required"]
    ['a']
    """
    return {"type": "object", "required": list(properties), "properties": properties}


def ref(name: str) -> dict[str, Any]:
    """A reference to one of the document's schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def _refusal(description: str, flavour: str, wait: bool) -> dict[str, Any]:
    headers = TRACED | ({"Retry-After": {"$ref": "#/components/headers/Retry-After"}} if wait else {})
    return {"description": description, "headers": headers, "content": {PROBLEM: {"schema": ref(flavour)}}}
