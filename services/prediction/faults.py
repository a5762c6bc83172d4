"""From errors to answers: each kind has its status, and what broke inside is told to our own log alone."""

from __future__ import annotations

import logging
from typing import Any

import orjson
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.core.errors import (
    Busy,
    Issue,
    ModelFileError,
    NotFound,
    PayloadError,
    RatchetError,
    Unavailable,
)
from services.prediction.metrics import Metrics
from services.prediction.payloads import TooManyRows

_log = logging.getLogger("ratchet.prediction")

MOST_ERRORS = 100
"""Of so many wrong cells an answer tells; the rest are counted."""

STATUS: dict[type[RatchetError], tuple[int, str, str]] = {
    PayloadError: (422, "invalid-payload", "The request breaks the contract"),
    NotFound: (404, "not-found", "No such thing"),
    Busy: (503, "busy", "Try again"),
    Unavailable: (503, "unavailable", "Not available now"),
    ModelFileError: (500, "model-failed", "The model could not answer"),
}


class Guarded:
    """ASGI middleware that turns a fault of ours into a plain 500; the connection stays usable."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def watch(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception:
            if begun or scope["type"] != "http":
                raise
            _log.exception("a request failed by a fault of ours")
            self._metrics.errors.labels("internal").inc()
            await internal_response()(scope, receive, send)


def handle_errors(app: FastAPI, metrics: Metrics) -> None:
    """Let every error that is raised on purpose become problem+json and a count."""

    async def expected(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RatchetError)
        kind, response = error_response(error)
        metrics.errors.labels(kind).inc()
        if response.status_code == 500:
            _log.error("%s: %s", kind, error)
        return response

    async def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        metrics.errors.labels("http").inc()
        response = problem_response(error.status_code, "http", error.detail, error.detail)
        response.headers.update(error.headers or {})
        return response

    async def gone(_request: Request, _error: Exception) -> Response:
        metrics.errors.labels("disconnected").inc()
        return Response(status_code=400)

    app.add_exception_handler(RatchetError, expected)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(ClientDisconnect, gone)


def problem_response(
    status: int, kind: str, title: str, detail: str, errors: list[dict[str, Any]] | None = None
) -> Response:
    """An error as RFC 9457 describes it: application/problem+json."""
    content: dict[str, Any] = {
        "type": f"urn:ratchet:{kind}",
        "title": title,
        "status": status,
        "detail": detail,
    }
    if errors is not None:
        content["errors"] = errors
    headers = {"Retry-After": "1"} if status == 503 else None
    body = orjson.dumps(content)
    return Response(body, status, media_type="application/problem+json", headers=headers)


def error_response(error: RatchetError) -> tuple[str, Response]:
    """The kind of an error (for the metrics) and its answer."""
    if isinstance(error, TooManyRows):
        return "too-many-rows", problem_response(413, "too-many-rows", "Too many rows", str(error))
    known = next((STATUS[one] for one in type(error).__mro__ if one in STATUS), None)
    if known is None:
        return "internal", internal_response()
    status, kind, title = known
    if status == 500:  # what broke inside is for the service's own log
        return kind, problem_response(status, kind, title, "the release in service could not score this request")
    errors = None
    if isinstance(error, PayloadError):
        errors = [_shown(issue) for issue in error.issues[:MOST_ERRORS]]
    return kind, problem_response(status, kind, title, str(error), errors)


def internal_response() -> Response:
    """The answer to a fault of ours: it says nothing of what was sent or of what broke."""
    detail = "the fault is ours and was logged; the request can be sent again"
    return problem_response(500, "internal", "Internal error", detail)


def _shown(issue: Issue) -> dict[str, Any]:
    return {"row": issue.row, "feature": issue.feature[:200] or None, "message": issue.message}
