"""The description of the Open Inference Protocol V2, for the server and for one release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipelines.core.values import category_text
from services.prediction.description.openapi_parts import PROBLEM, TRACED, content, listing, operation, ref
from services.prediction.description.openapi_scopes import scope_of
from services.prediction.protocols.v2_messages import HEADER_LENGTH, describe_inputs, describe_outputs
from services.prediction.protocols.v2_tensors import DATATYPES

if TYPE_CHECKING:
    from services.prediction.live_model import LiveModel

TAG = "open inference protocol"
_MODEL = "/v2/models/{problem}"
_TEXT, _FLAG = {"type": "string"}, {"type": "boolean"}
_TEXTS = {"type": "array", "items": _TEXT}
_DATATYPE = {"type": "string", "enum": list(DATATYPES)}
_PARAMETERS = {"type": "object", "description": "Extensions: binary_data_size, binary_data, binary_data_output"}
_VERSION = {"name": "version", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}
_RAW = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_LENGTH = {
    "name": HEADER_LENGTH,
    "in": "header",
    "required": False,
    "description": "Bytes of the JSON, where raw tensor data follows it",
    "schema": {"type": "integer", "minimum": 0},
}


def v2_schemas() -> dict[str, Any]:
    """The schemas that all models share."""
    shape = {"type": "array", "items": {"type": "integer"}}
    sizes = {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "integer", "minimum": 1}}
    tensor = listing(name=_TEXT, shape=sizes, datatype=_DATATYPE)
    tensor["properties"] |= {"parameters": _PARAMETERS, "data": {"type": "array"}}
    wanted = listing(name=_TEXT)
    wanted["properties"]["parameters"] = _PARAMETERS
    given = listing(name=_TEXT, shape=sizes, datatype=_DATATYPE)
    given["properties"] |= {"parameters": _PARAMETERS, "data": {"type": "array"}}
    answer = listing(model_name=_TEXT, model_version=_TEXT, outputs={"type": "array", "items": given})
    answer["properties"] |= {"id": _TEXT, "parameters": _PARAMETERS}
    described = listing(name=_TEXT, datatype=_DATATYPE, shape=shape)
    described["properties"]["parameters"] = {"type": "object", "description": "The classes, in their order"}
    tensors = {"type": "array", "items": described}
    return {
        "V2Tensor": tensor,
        "V2Output": wanted,
        "V2Response": answer,
        "V2Model": listing(name=_TEXT, versions=_TEXTS, platform=_TEXT, inputs=tensors, outputs=tensors),
        "V2Server": listing(name=_TEXT, version=_TEXT, extensions=_TEXTS),
        "V2Live": listing(live=_FLAG),
        "V2Ready": listing(live=_FLAG, ready=_FLAG),
        "V2ModelReady": listing(name=_TEXT, ready=_FLAG),
    }


def describe_server() -> dict[str, Any]:
    """The paths of the server as a whole."""
    live = operation(
        "v2-live",
        "Alive",
        "Whether the process answers.",
        TAG,
        scope_of("GET", "/v2/health/live"),
        content(ref("V2Live")),
    )
    ready = operation(
        "v2-ready",
        "Ready",
        "Whether requests can be sent here.",
        TAG,
        scope_of("GET", "/v2/health/ready"),
        content(ref("V2Ready")),
    )
    server = operation(
        "v2",
        "This server",
        "Name, version, extensions.",
        TAG,
        scope_of("GET", "/v2"),
        content(ref("V2Server")),
        flavour="V2Error",
    )
    ready["responses"]["503"] = _not_yet("V2Ready")
    return {"/v2": {"get": server}, "/v2/health/live": {"get": live}, "/v2/health/ready": {"get": ready}}


def describe_model(model: LiveModel) -> dict[str, Any]:
    """The paths of one release, with and without its version."""
    name, paths = model.info.problem, {}
    for suffix, mark, parameters in (("", "", []), ("/versions/{version}", "-version", [_VERSION])):
        base = f"/v2/models/{name}{suffix}"
        ready = operation(
            f"v2-ready-{name}{mark}",
            f"Whether {name} is ready",
            "200 when it can be asked, 503 when no release serves now.",
            name,
            scope_of("GET", f"{_MODEL}{suffix}/ready"),
            content(ref("V2ModelReady")),
            flavour="V2Error",
            parameters=parameters,
        )
        ready["responses"]["503"] = _not_yet("V2ModelReady")
        paths[base] = {"get": _metadata(name, mark, parameters)}
        paths[f"{base}/ready"] = {"get": ready}
        paths[f"{base}/infer"] = {"post": _infer(model, mark, parameters)}
    return paths


def describe_request(model: LiveModel) -> dict[str, Any]:
    """JSON Schema of an inference request for one release, with an example that it answers."""
    contract = model.contract
    names = [name for name, _ in describe_inputs(contract)]
    outputs = [name for name, _, _ in describe_outputs(contract)]
    tensor = {"allOf": [ref("V2Tensor"), {"properties": {"name": {"type": "string", "examples": names[:20]}}}]}
    wanted = {"allOf": [ref("V2Output"), {"properties": {"name": {"enum": outputs}}}]}
    schema = listing(inputs={"type": "array", "minItems": 1, "items": tensor})
    schema["properties"] |= {"id": _TEXT, "parameters": _PARAMETERS, "outputs": {"type": "array", "items": wanted}}
    schema["description"] = "One tensor per feature, or a single numeric one of shape [n, features]"
    return schema | {"example": {"id": "example", "inputs": _example(model)}}


def _infer(model: LiveModel, mark: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    name = model.info.problem
    schema = ref(f"{name}-infer")
    described = operation(
        f"v2-infer-{name}{mark}",
        f"Predict {name} by protocol V2",
        f"{model.definition.question} Tensors come and go as JSON or, after the JSON, as raw bytes.".strip(),
        name,
        scope_of("POST", f"{_MODEL}/infer"),
        content(ref("V2Response")) | _RAW,
        content(schema, {"id": "example", "inputs": _example(model)}) | _RAW,
        flavour="V2Error",
        parameters=[*parameters, _LENGTH],
    )
    length = {"description": _LENGTH["description"], "schema": _LENGTH["schema"]}
    described["responses"]["200"]["headers"] = described["responses"]["200"]["headers"] | {HEADER_LENGTH: length}
    return described


def _metadata(name: str, mark: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    return operation(
        f"v2-model-{name}{mark}",
        f"The tensors of {name}",
        "Inputs and outputs with datatypes and shapes; -1 stands for the rows.",
        name,
        scope_of("GET", _MODEL),
        content(ref("V2Model")),
        flavour="V2Error",
        parameters=parameters,
    )


def _example(model: LiveModel) -> list[dict[str, Any]]:
    """One row as tensors."""
    examples = {column.name: column.example for column in model.contract.columns}
    return [
        {"name": name, "shape": [1], "datatype": kind, "data": [_cell(kind, examples[name])]}
        for name, kind in describe_inputs(model.contract)
    ]


def _cell(datatype: str, example: Any) -> Any:
    if example is None:
        return None
    return bool(example) if datatype == "BOOL" else category_text(example) if datatype == "BYTES" else example


def _not_yet(schema: str) -> dict[str, Any]:
    told = content(ref(schema)) | {PROBLEM: {"schema": ref("V2Error")}}
    return {"description": "Not ready", "headers": TRACED, "content": told}
