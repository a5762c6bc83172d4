"""What tells how the service is and what it serves; predictions and labels have doors of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from pipelines.core.errors import NotFound
from services.prediction.description.docs_page import docs_page
from services.prediction.description.openapi_schemas import describe_label, describe_rows
from services.prediction.readiness import readiness

if TYPE_CHECKING:
    from services.prediction.service import Service

router = APIRouter()
_JSON = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC


@router.get("/v1/models", summary="All models", response_model=None)
async def models(request: Request) -> Response:
    """Every problem with the release that answers for it."""
    service = _service(request)
    return _json({"models": [_short(service, problem) for problem in service.champions.problems()]})


@router.get("/v1/models/{problem}", summary="One model", response_model=None)
async def model(problem: str, request: Request) -> Response:
    """One problem's release in service, what it asks for, and what stands in the way of a newer one."""
    return _json(_long(_service(request), problem))


@router.get("/v1/predictions/{prediction_id}", summary="One prediction", response_model=None)
async def prediction(prediction_id: str, request: Request) -> Response:
    """One answer as it was given, every label that came for it, and the passport of the release that gave it."""
    return _json(await _service(request).passports.of(prediction_id))


@router.get("/healthz", summary="Alive", response_model=None)
async def healthz() -> Response:
    """Whether the process runs."""
    return _json({"status": "ok"})


@router.get("/readyz", summary="Ready", response_model=None)
async def readyz(request: Request) -> Response:
    """Whether requests can be sent here: 503 until it is known what to serve."""
    ready, content = readiness(_service(request).champions)
    return _json(content, 200 if ready else 503)


@router.get("/metrics", summary="Prometheus metrics", response_model=None)
async def metrics(request: Request) -> Response:
    """The service's metrics in Prometheus' text format."""
    request.app.state.pulse.beat()
    content = _service(request).metrics.exposition()
    return Response(content, media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """The API's description as a page that needs no internet."""
    return HTMLResponse(docs_page(request.app.openapi()))


def _service(request: Request) -> Service:
    return cast("Service", request.app.state.service)


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content, option=_JSON), status, media_type="application/json")


def _short(service: Service, problem: str) -> dict[str, Any]:
    registered, refused = service.champions.registered(problem), service.champions.refused(problem)
    found = next((one for one in service.champions.serving() if one.info.problem == problem), None)
    about: dict[str, Any] = {
        "problem": problem,
        "status": "none" if found is None else "serving",
        "version": None if found is None else found.info.version,
        "run_id": None if found is None else found.info.run_id,
        "champion": registered,
    }
    if refused is not None:
        about["refused"] = {"version": refused.version, "reason": refused.reason, "at": refused.at}
    if found is None:
        return about
    return about | {
        "task": found.contract.task,
        "question": found.definition.question,
        "since": found.since,
        "history_as_of": found.history_as_of,
        "compiled": found.compiled is not None,
        **({} if found.plain_because is None else {"plain_because": found.plain_because}),
    }


def _long(service: Service, problem: str) -> dict[str, Any]:
    if problem not in service.champions.problems():
        raise NotFound("no such model: GET /v1/models lists those that are served")
    about = _short(service, problem)
    found = next((one for one in service.champions.serving() if one.info.problem == problem), None)
    if found is None:
        return about
    return about | {
        "model_digest": found.info.digest,
        "instance": describe_rows(found.contract),
        "label": describe_label(found.contract),
        "max_rows": found.definition.serving.max_rows,
        "release": found.release,
    }
