"""The description of one release's own doors: predict, labels, explain, and MLflow's protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.prediction.description.openapi_parts import content, listing, operation, ref
from services.prediction.description.openapi_schemas import MODEL, describe_explanations, describe_label
from services.prediction.description.openapi_scopes import scope_of
from services.prediction.payloads import ARROW, PARQUET
from services.prediction.protocols.feature_order import feature_order

if TYPE_CHECKING:
    from services.prediction.live_model import LiveModel

_OURS = "/v1/models/{problem}"
_BYTES = {"type": "string", "format": "binary"}
_ROUTING = {
    "name": "X-Ratchet-Key",
    "in": "header",
    "required": False,
    "description": "What a canary's share is kept by: requests of one key go to one release",
    "schema": {"type": "string"},
}
_TEXT = {"text/plain": {"schema": {"type": "string"}}}


def describe_doors(model: LiveModel) -> dict[str, Any]:
    """The paths of one release under /v1/models."""
    name = model.info.problem
    base = f"/v1/models/{name}"
    invocations = "MLflow's scoring protocol"
    return {
        f"{base}/predict": {"post": _predict(model)},
        f"{base}/labels": {"post": _label(model)},
        f"{base}/explain": {"post": _explain(model)},
        f"{base}/invocations": {"post": _invoke(model)},
        **{
            f"{base}/{path}": {
                "get": operation(
                    f"{path}-{name}", f"{invocations}: {path}", text, name, scope_of("GET", f"{_OURS}/{path}"), _TEXT
                )
            }
            for path, text in (
                ("ping", "200 while a release serves."),
                ("health", "The same as ping."),
                ("version", "The version of MLflow whose protocol is spoken."),
            )
        },
    }


def _predict(model: LiveModel) -> dict[str, Any]:
    name = model.info.problem
    answer = listing(predictions={"type": "array", "items": ref(f"{name}-answer")}, model=MODEL)
    question, most = model.definition.question, model.definition.serving.max_rows
    text = (
        f"{question} Answered by version {model.info.version}. Rows come as JSON, or as a table in Arrow's stream "
        "format or in Parquet; the answer comes alike, or as `Accept` says."
    ).strip()
    return operation(
        f"predict-{name}",
        f"Predict {name}",
        text,
        name,
        scope_of("POST", f"{_OURS}/predict"),
        content(answer) | _tables(),
        content(_instances(model, most), {"instances": [_example(model)]}) | _tables(),
        parameters=[_ROUTING],
    )


def _label(model: LiveModel) -> dict[str, Any]:
    name = model.info.problem
    item = listing(
        id={"type": "string", "description": "The prediction's id"},
        label=describe_label(model.contract),
    )
    item["properties"]["known_at"] = {"type": ["string", "null"], "format": "date-time", "description": "Default: now"}
    item["additionalProperties"] = False
    rejected = listing(row={"type": "integer"}, id={"type": ["string", "null"]}, reason={"type": "string"})
    answer = listing(
        accepted={"type": "array", "items": {"type": "string"}}, rejected={"type": "array", "items": rejected}
    )
    body = listing(labels={"type": "array", "minItems": 1, "maxItems": 10_000, "items": item})
    body["additionalProperties"] = False
    text = "What really happened, in any order, late, and corrected again: the last label received counts."
    return operation(
        f"label-{name}",
        f"Label predictions of {name}",
        text,
        name,
        scope_of("POST", f"{_OURS}/labels"),
        content(answer),
        content(body),
    )


def _explain(model: LiveModel) -> dict[str, Any]:
    name = model.info.problem
    text = (
        "The answers, each with what every feature added to it: base and contributions add up to the answer, on the "
        "scale that `link` names. At most 100 rows; logged like every answer; 503 when `serving.explain_seconds` "
        "does not do."
    )
    return operation(
        f"explain-{name}",
        f"Explain {name}",
        text,
        name,
        scope_of("POST", f"{_OURS}/explain"),
        content(describe_explanations(model.contract)),
        content(_instances(model, 100), {"instances": [_example(model)]}),
        parameters=[_ROUTING],
    )


def _invoke(model: LiveModel) -> dict[str, Any]:
    """MLflow takes exactly one of four keys; what stands beside them is left unread."""
    name = model.info.problem
    row, cells = ref(f"{name}-instance"), {"type": "array"}
    rows = {"type": "array", "minItems": 1, "items": row}
    columns = {"type": "object", "minProperties": 1, "additionalProperties": {"type": "array", "minItems": 1}}
    lists = {"type": "array", "minItems": 1, "items": {"type": "array"}}
    split = listing(data={"type": "array", "minItems": 1, "items": cells})
    split["properties"] |= {"columns": {"type": "array", "items": {"type": "string"}}, "index": {"type": "array"}}
    split["additionalProperties"] = False
    forms = {
        "dataframe_split": split,
        "dataframe_records": rows,
        "instances": {"anyOf": [rows, lists]},
        "inputs": {"anyOf": [columns, rows, lists]},
    }
    body = {"type": "object", "oneOf": [listing(**{form: schema}) for form, schema in forms.items()]}
    answer = listing(
        predictions={"type": "array", "items": describe_label(model.contract)},
        ids={"type": "array", "items": {"type": "string", "format": "uuid"}},
        model=MODEL,
    )
    example = _example(model)
    text = (
        "MLflow's scoring protocol, for clients of `mlflow models serve`. Rows without names have the features in "
        f"this order: {', '.join(feature_order(model.contract))}. History features are left unread, `params` too."
    )
    table = {"dataframe_split": {"columns": list(example), "data": [list(example.values())]}}
    return operation(
        f"invoke-{name}",
        f"Predict {name} as MLflow does",
        text,
        name,
        scope_of("POST", f"{_OURS}/invocations"),
        content(answer),
        content(body, table) | {"text/csv": {"schema": {"type": "string"}}, PARQUET: {"schema": _BYTES}},
        flavour="InvocationError",
        parameters=[_ROUTING],
    )


def _instances(model: LiveModel, most: int) -> dict[str, Any]:
    items = ref(f"{model.info.problem}-instance")
    schema = listing(instances={"type": "array", "minItems": 1, "maxItems": most, "items": items})
    return schema | {"additionalProperties": False}


def _example(model: LiveModel) -> dict[str, Any]:
    return {column.name: column.example for column in model.contract.columns if column.asked}


def _tables() -> dict[str, Any]:
    return {media: {"schema": _BYTES} for media in (ARROW, PARQUET)}
