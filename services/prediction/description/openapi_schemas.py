"""JSON Schemas of what a release takes and gives: a row, an answer, a label."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pipelines.core.schema import Column, Contract

MODEL = {
    "type": "object",
    "description": "The release that answered",
    "required": ["problem", "version", "run_id"],
    "properties": {
        "problem": {"type": "string"},
        "version": {"type": "integer"},
        "run_id": {"type": "string"},
    },
}

_MOST_CLASSES = 1000  # more are not listed


def describe_rows(contract: Contract) -> dict[str, Any]:
    """JSON Schema of one row: what the contract asks for; other names are refused."""
    asked = [column for column in contract.columns if column.asked]
    return {
        "type": "object",
        "description": f"One row of {contract.problem}; a feature that is left out counts as missing",
        "properties": {column.name: describe_column(column) for column in asked},
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
    required = list(properties)
    of_canary = {"model": MODEL | {"description": "Only where the challenger answered this row"}}
    return {"type": "object", "required": required, "properties": properties | of_canary}


def describe_explanations(contract: Contract) -> dict[str, Any]:
    """JSON Schema of explanations: answers, each with its base and one contribution for every feature."""
    number: dict[str, Any] = {"type": "number"}
    if len(contract.classes or ()) > 2:
        number = {"type": "object", "additionalProperties": number, "description": "One number for each class"}
    answer = describe_answer(contract)
    answer["properties"] |= {
        "base": number,
        "contributions": {"type": "object", "additionalProperties": number},
        "link": {"type": "string", "description": "The scale on which they add up: identity, logit or softmax"},
    }
    answer["required"] = [*answer["required"], "base", "contributions", "link"]
    return {
        "type": "object",
        "required": ["explanations", "model", "method"],
        "properties": {
            "explanations": {"type": "array", "items": answer},
            "model": MODEL,
            "method": {"type": "string", "description": "How it was found", "examples": ["tree SHAP"]},
        },
    }


def describe_label(contract: Contract) -> dict[str, Any]:
    """JSON Schema of a prediction, and of the label that answers it."""
    if contract.classes is None:
        return {"type": "number", "description": contract.target}
    if contract.class_type == "boolean":
        return {"type": "boolean", "description": contract.target}
    types = {"integer": "integer", "number": "number"}
    kind = types.get(contract.class_type or "", "string")
    read = {"integer": int, "number": float, "string": str}[kind]
    schema: dict[str, Any] = {"type": kind, "description": contract.target}
    if len(contract.classes) > _MOST_CLASSES:
        return schema
    return schema | {"enum": [read(name) for name in contract.classes]}


def describe_column(column: Column) -> dict[str, Any]:
    """JSON Schema of one cell: the declared rules are binding, what was seen is only told."""
    schema: dict[str, Any] = {"description": _words(column)}
    if column.kind == "numeric":  # a fraction is no error: whole numbers are what was seen, not a rule
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
