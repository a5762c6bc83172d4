"""The API's description with each served problem's own paths: features with types, ranges, an example."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pipelines.core.contract import Column, Contract
from services.prediction.live_model import LiveModel

_ERROR: dict[str, Any] = {
    "type": "object",
    "description": "An error (RFC 9457)",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["row", "feature", "message"],
                "properties": {
                    "row": {"type": "integer", "description": "Position in the request, from 0"},
                    "feature": {"type": ["string", "null"]},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
_REFUSALS = {
    413: "Too many rows in one request",
    422: "The request breaks the contract; names row and feature",
    503: "No release is in service, or the log does not take rows",
}


def describe_api(base: dict[str, Any], models: Sequence[LiveModel]) -> dict[str, Any]:
    """The OpenAPI document `base` with the paths and schemas of every release in service."""
    schemas = base.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Error"] = _ERROR
    for path in base["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)  # FastAPI's own: a path is always a text here
            operation["responses"]["default"] = _refused("An error")
    for model in models:
        name = model.info.problem
        schemas[f"{name}-instance"] = describe_rows(model.contract)
        schemas[f"{name}-answer"] = describe_answer(model.contract)
        base["paths"][f"/v1/models/{name}/predict"] = {"post": _predict(model)}
        base["paths"][f"/v1/models/{name}/labels"] = {"post": _label(model)}
    return base


def describe_rows(contract: Contract) -> dict[str, Any]:
    """JSON Schema of one row: what the contract asks for; other names are refused."""
    asked = [column for column in contract.columns if column.asked]
    return {
        "type": "object",
        "description": f"One row of {contract.problem}; a feature that is left out counts as missing",
        "properties": {column.name: _describe_column(column) for column in asked},
        "required": [column.name for column in asked if column.required],
        "additionalProperties": False,
        "example": {column.name: column.example for column in asked},
    }


def describe_answer(contract: Contract) -> dict[str, Any]:
    """JSON Schema of one answer: an id, the prediction and, for classification, every class's probability."""
    properties: dict[str, Any] = {
        "id": {"type": "string", "format": "uuid"},
        "prediction": describe_label(contract),
    }
    if contract.classes is not None:
        share = {"type": "number", "minimum": 0, "maximum": 1}
        properties["probabilities"] = {"type": "object", "properties": dict.fromkeys(contract.classes, share)}
    return {"type": "object", "required": list(properties), "properties": properties}


def describe_label(contract: Contract) -> dict[str, Any]:
    """JSON Schema of a prediction, and of the label that answers it."""
    if contract.classes is None:
        return {"type": "number", "description": contract.target}
    if contract.class_type == "boolean":
        return {"type": "boolean", "description": contract.target}
    types = {"integer": "integer", "number": "number"}
    kind = types.get(contract.class_type or "", "string")
    read = {"integer": int, "number": float, "string": str}[kind]
    return {
        "type": kind,
        "enum": [read(name) for name in contract.classes[:1000]],
        "description": contract.target,
    }


def _describe_column(column: Column) -> dict[str, Any]:
    schema: dict[str, Any] = {"description": _words(column)}
    if column.kind == "numeric":
        schema["type"] = ["boolean", "number"] if column.boolean else ["integer" if column.integer else "number"]
        if column.integer:  # a fraction is no error: whole numbers are what was seen, not a rule
            schema["type"] = ["boolean", "number"] if column.boolean else ["number"]
        schema |= {
            rule: value
            for rule, value in (("minimum", column.minimum), ("maximum", column.maximum))
            if value is not None
        }
    elif column.kind == "datetime":
        schema |= {"type": ["string"], "format": "date-time"}
    else:
        schema["type"] = ["string", "number", "boolean"]
        if column.categories is not None:
            schema |= {"type": ["string"], "enum": list(column.categories)}
    if not column.required:
        schema["type"] = [*schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return schema if column.example is None else schema | {"examples": [column.example]}


def _words(column: Column) -> str:
    """What was seen in the data that the contract was made from."""
    parts: list[str] = [column.kind]
    if column.kind == "datetime" and column.low is not None and column.high is not None:
        days = [datetime.fromtimestamp(value, UTC).date().isoformat() for value in (column.low, column.high)]
        parts.append(f"seen {days[0]} to {days[1]}")
    elif column.kind == "numeric" and column.low is not None and column.high is not None:
        parts.append(f"seen {column.low:g} to {column.high:g}")
    elif column.seen:
        more = f" and {len(column.seen) - 8} more" if len(column.seen) > 8 else ""
        parts.append(f"seen {', '.join(value[:40] for value in column.seen[:8])}{more}")
    if column.missing:
        share = f"{column.missing:.1%}" if column.missing >= 0.001 else "less than 0.1%"
        parts.append(f"missing in {share} of rows")
    if not column.feature:
        parts.append("for history features")
    return "; ".join(parts)


def _predict(model: LiveModel) -> dict[str, Any]:
    name = model.info.problem
    most = model.definition.serving.max_rows
    instances = {"type": "array", "minItems": 1, "maxItems": most, "items": _ref(f"{name}-instance")}
    named = {
        "type": "object",
        "required": ["problem", "version", "run_id"],
        "properties": {
            "problem": {"type": "string"},
            "version": {"type": "integer"},
            "run_id": {"type": "string"},
        },
    }
    answer = {
        "type": "object",
        "required": ["predictions", "model"],
        "properties": {"predictions": {"type": "array", "items": _ref(f"{name}-answer")}, "model": named},
    }
    body = {"type": "object", "required": ["instances"], "properties": {"instances": instances}}
    question = model.definition.question
    return _operation(
        f"Predict {name}", f"{question} Answered by version {model.info.version}.".strip(), name, body, answer
    )


def _label(model: LiveModel) -> dict[str, Any]:
    name = model.info.problem
    item = {
        "type": "object",
        "required": ["id", "label"],
        "properties": {
            "id": {"type": "string", "description": "The prediction's id"},
            "label": describe_label(model.contract),
            "known_at": {"type": "string", "format": "date-time", "description": "Default: now"},
        },
    }
    body = {
        "type": "object",
        "required": ["labels"],
        "properties": {"labels": {"type": "array", "minItems": 1, "items": item}},
    }
    rejected = {
        "type": "object",
        "required": ["row", "id", "reason"],
        "properties": {
            "row": {"type": "integer"},
            "id": {"type": ["string", "null"]},
            "reason": {"type": "string"},
        },
    }
    answer = {
        "type": "object",
        "required": ["accepted", "rejected"],
        "properties": {
            "accepted": {"type": "array", "items": {"type": "string"}},
            "rejected": {"type": "array", "items": rejected},
        },
    }
    text = "What really happened, in any order, late, and corrected again: the last label received counts."
    return _operation(f"Label predictions of {name}", text, name, body, answer)


def _operation(
    summary: str, description: str, tag: str, body: dict[str, Any], answer: dict[str, Any]
) -> dict[str, Any]:
    given = {"description": "The answer", "content": {"application/json": {"schema": answer}}}
    refused = {str(status): _refused(text) for status, text in _REFUSALS.items()}
    return {
        "summary": summary,
        "description": description,
        "tags": [tag],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": given, **refused},
    }


def _refused(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/problem+json": {"schema": _ref("Error")}}}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}
