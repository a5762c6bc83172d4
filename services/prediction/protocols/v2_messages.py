"""The inference request and response of the Open Inference Protocol, with its binary tensor data extension.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from pipelines.core.errors import PayloadError
from pipelines.core.schema import Column, Contract
from services.prediction.doors import Asked, Reply
from services.prediction.protocols.feature_order import feature_order
from services.prediction.protocols.v2_tensors import Tensor, read_tensors, write_raw
from services.prediction.protocols.wire_json import read_json

if TYPE_CHECKING:
    from services.prediction.answers import Answers

HEADER_LENGTH = "Inference-Header-Content-Length"
"""Header with the length of the JSON, where raw tensor data follows it."""
_LABELS = {"boolean": "BOOL", "integer": "INT64", "number": "FP64", "text": "BYTES"}


@dataclass(frozen=True, slots=True)
class InferRequest:
    """What a request asks: tensors in, outputs wanted (None: all), each as raw bytes or as JSON."""

    id: str | None
    tensors: list[Tensor]
    wanted: dict[str, bool | None] | None
    """By output whether it is to come as raw bytes; None leaves it to `raw`."""
    raw: bool


def read_request(asked: Asked) -> InferRequest:
    """The request that a body holds; PayloadError says what does not fit the protocol."""
    body, tail = asked.body, memoryview(b"")
    length = asked.headers.get("inference-header-content-length")
    if length is not None:
        if not (length.isascii() and length.isdigit()) or len(length) > 12 or int(length) > len(body):
            raise PayloadError(f"{HEADER_LENGTH}: expected the number of bytes of the JSON in the body")
        tail = memoryview(body)[int(length) :]
        body = body[: int(length)]
    content = read_json(body)
    if not isinstance(content, dict):
        raise PayloadError("expected an inference request: an object with 'inputs'")
    name = content.get("id")
    if name is not None and not isinstance(name, str):
        raise PayloadError("id: expected a text")
    raw = _flag(content, "binary_data_output", "the request")
    return InferRequest(name, read_tensors(content.get("inputs"), tail), _read_wanted(content), bool(raw))


def as_columns(tensors: list[Tensor], contract: Contract) -> tuple[dict[str, Any], int]:
    """The tensors as columns and how many rows they have.

    One tensor per column, (n) or (n, 1); or a single numeric one of (n, m) that has the m features in their order.
    """
    first = tensors[0]
    count = first.shape[0]
    if count == 0:
        raise PayloadError(f"input {first.name[:100]!r} has no rows: send at least one")
    if len(tensors) == 1 and len(first.shape) == 2 and (first.shape[1] != 1 or first.name not in contract.by_name):
        return _split(first, contract), count
    columns: dict[str, Any] = {}
    fitting = ([count], [count, 1])
    for tensor in tensors:
        if tensor.shape not in fitting:
            shown = tensor.name[:100]
            raise PayloadError(f"input {shown!r}: expected shape [{count}] or [{count}, 1], got {tensor.shape}")
        if tensor.name in columns:
            raise PayloadError(f"input {tensor.name[:100]!r} comes twice")
        columns[tensor.name] = tensor.values
    return columns, count


def check_wanted(request: InferRequest, contract: Contract) -> None:
    """PayloadError when an output is asked for that the model does not have: before anything is scored or logged."""
    known = [name for name, _, _ in describe_outputs(contract)]
    for name in request.wanted or ():
        if name not in known:
            raise PayloadError(f"output {name[:100]!r} is unknown: the outputs are {', '.join(known)}")


def write_reply(request: InferRequest, answers: Answers) -> Reply:
    """The inference response: JSON, followed by the raw bytes of the outputs that are asked for so."""
    info = answers.model.info
    content: dict[str, Any] = {"model_name": info.problem, "model_version": str(info.version)}
    if request.id is not None:
        content["id"] = request.id
    if answers.by is not None:
        versions = [str(model.info.version) for model in answers.by]
        content["parameters"] = {"answered_by": ",".join(versions)}
        content["model_version"] = versions[0] if len(set(versions)) == 1 else str(info.version)
    outputs, tail = [], []
    for name, datatype, shape in describe_outputs(answers.model.contract):
        if request.wanted is not None and name not in request.wanted:
            continue
        values = _values(name, answers)
        output: dict[str, Any] = {"name": name, "shape": [len(answers.ids), *shape[1:]], "datatype": datatype}
        as_raw = None if request.wanted is None else request.wanted[name]
        if request.raw if as_raw is None else as_raw:
            tail.append(write_raw(datatype, values))
            output["parameters"] = {"binary_data_size": len(tail[-1])}
        else:
            output["data"] = values
        outputs.append(output)
    written = orjson.dumps(content | {"outputs": outputs}, option=orjson.OPT_SERIALIZE_NUMPY)
    if not tail:
        return Reply(written)
    headers = ((HEADER_LENGTH, str(len(written))),)
    return Reply(written + b"".join(tail), "application/octet-stream", headers=headers)


def describe_inputs(contract: Contract) -> Iterator[tuple[str, str]]:
    """Name and datatype of each column that may be given; other numeric datatypes are taken for FP64 too."""
    for column in contract.columns:
        if column.asked and column.kind != "ignored":
            yield column.name, _datatype(column)


def describe_outputs(contract: Contract) -> list[tuple[str, str, list[int]]]:
    """Name, datatype and shape of each output: -1 stands for the rows.

    >>> describe_outputs(Contract(problem="x", task="regression", target="y", columns=()))
    [('prediction', 'FP64', [-1]), ('prediction_id', 'BYTES', [-1])]
    """
    outputs = [("prediction", "FP64", [-1]), ("prediction_id", "BYTES", [-1])]
    if contract.classes is not None:
        outputs[0] = ("prediction", _LABELS[contract.class_type or "text"], [-1])
        outputs.insert(1, ("probabilities", "FP64", [-1, len(contract.classes)]))
    return outputs


def _values(name: str, answers: Answers) -> Any:
    if name == "prediction_id":
        return answers.ids
    return answers.predictions() if name == "prediction" else answers.scores.ravel()


def _datatype(column: Column) -> str:
    if column.kind != "numeric":
        return "BYTES"
    return "BOOL" if column.boolean else "FP64"


def _split(matrix: Tensor, contract: Contract) -> dict[str, Any]:
    names = feature_order(contract)
    if matrix.datatype == "BYTES" or matrix.shape[1] != len(names):
        raise PayloadError(
            f"input {matrix.name[:100]!r} of shape {matrix.shape}: a single tensor has to be numeric and to hold the "
            f"{len(names)} features in their order; else send one tensor per feature, named as the feature"
        )
    return {name: matrix.values[place :: len(names)] for place, name in enumerate(names)}


def _read_wanted(content: dict[str, Any]) -> dict[str, bool | None] | None:
    outputs = content.get("outputs")
    if outputs is None or outputs == []:
        return None
    if not isinstance(outputs, list):
        raise PayloadError("outputs: expected a list")
    wanted: dict[str, bool | None] = {}
    for position, output in enumerate(outputs):
        if not isinstance(output, dict) or not isinstance(output.get("name"), str):
            raise PayloadError(f"output {position}: expected an object with a name")
        name = output["name"]
        if name in wanted:
            raise PayloadError(f"output {name[:100]!r} is asked for twice")
        wanted[name] = _flag(output, "binary_data", f"output {name[:100]!r}")
        for extension in ("classification", "shared_memory_region"):
            if extension in (output.get("parameters") or {}):
                raise PayloadError(f"output {name[:100]!r}: the extension {extension!r} is not supported")
    return wanted


def _flag(given: dict[str, Any], name: str, where: str) -> bool | None:
    parameters = given.get("parameters")
    if parameters is None:
        return None
    if not isinstance(parameters, dict):
        raise PayloadError(f"{where}: parameters: expected an object")
    value = parameters.get(name)
    if value is not None and not isinstance(value, bool):
        raise PayloadError(f"{where}: {name}: expected true or false")
    return value
