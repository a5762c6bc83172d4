"""The Open Inference Protocol V2 over REST, so that clients of Triton, KServe or MLServer can talk to the service.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md with the
extension "binary_tensor_data". Errors are rendered by the front, which adds the protocol's `error`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

from pipelines.core.errors import NotFound, Unavailable
from services.prediction.doors import Asked, Reply
from services.prediction.protocols.v2_messages import (
    as_columns,
    check_wanted,
    describe_inputs,
    describe_outputs,
    read_request,
    write_reply,
)
from services.prediction.protocols.wire_json import off_loop
from services.prediction.readiness import readiness

if TYPE_CHECKING:
    from services.prediction.live_model import LiveModel
    from services.prediction.service import Service

_AGAIN = (("Retry-After", "1"),)


async def infer(service: Service, asked: Asked) -> Reply:
    """POST /v2/models/{name}[/versions/{version}]/infer: the predictions, their probabilities and their ids."""
    model = find_served(service, asked)
    request = await off_loop(len(asked.body), lambda: read_request(asked))
    check_wanted(request, model.contract)
    columns, count = as_columns(request.tensors, model.contract)
    return write_reply(request, await service.plane.predict_columns(asked.problem, columns, count, asked))


async def server(service: Service, asked: Asked) -> Reply:
    """GET /v2: what this server is."""
    return _json({"name": "ratchet", "version": _version(), "extensions": ["binary_tensor_data"]})


async def live(service: Service, asked: Asked) -> Reply:
    """GET /v2/health/live: whether the process answers at all."""
    return _json({"live": True})


async def ready(service: Service, asked: Asked) -> Reply:
    """GET /v2/health/ready: whether requests can be sent here, by the same rule as /readyz."""
    fine, _ = readiness(service.champions)
    return _json({"live": True, "ready": fine}, fine)


async def model(service: Service, asked: Asked) -> Reply:
    """GET /v2/models/{name}[/versions/{version}]: the model's tensors."""
    found = find_served(service, asked)
    contract = found.contract
    inputs = [{"name": name, "datatype": kind, "shape": [-1]} for name, kind in describe_inputs(contract)]
    outputs: list[dict[str, Any]] = [
        {"name": name, "datatype": kind, "shape": shape} for name, kind, shape in describe_outputs(contract)
    ]
    if contract.classes is not None:
        outputs[1]["parameters"] = {"classes": found.labels}
    versions = [str(one.info.version) for one in _served(service, asked.problem)]
    names = {"name": asked.problem, "versions": versions, "platform": "ratchet"}
    return _json(names | {"inputs": inputs, "outputs": outputs})


async def model_ready(service: Service, asked: Asked) -> Reply:
    """GET /v2/models/{name}[/versions/{version}]/ready: 200, 503 where none serves now, 404 for what is unknown."""
    try:
        find_served(service, asked)
    except Unavailable as error:
        return _json({"name": asked.problem, "ready": False, "error": str(error)}, False)
    return _json({"name": asked.problem, "ready": True})


def find_served(service: Service, asked: Asked) -> LiveModel:
    """The release that is asked for: the champion, or the one whose version the path names; else NotFound."""
    champion = service.champions.live(asked.problem)
    if asked.version is None or asked.version == champion.info.version:
        return champion
    served = _served(service, asked.problem)
    for one in served:
        if one.info.version == asked.version:
            return one
    versions = ", ".join(str(one.info.version) for one in served)
    raise NotFound(f"version {asked.version} of {asked.problem} is not served: {versions} is")


def _served(service: Service, problem: str) -> list[LiveModel]:
    """The champion, and the challenger while it is on trial."""
    trial = service.rollouts.active(problem)
    return [service.champions.live(problem), *([] if trial is None else [trial.model])]


def _json(content: dict[str, Any], fine: bool = True) -> Reply:
    return Reply(orjson.dumps(content), status=200 if fine else 503, headers=() if fine else _AGAIN)


@cache
def _version() -> str:
    from importlib import metadata  # not needed to predict

    try:
        return metadata.version("ratchet-mlops")
    except metadata.PackageNotFoundError:  # run from a folder of sources
        return "0"
