"""The console put together: routes, headers on every answer, and what a person sees when something goes wrong."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.base import RequestResponseEndpoint
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from pipelines.core.errors import Busy, NotFound, RatchetError, Unavailable
from pipelines.core.settings import Settings
from services.console import acting, looking
from services.console.admission import Refused
from services.console.desk import Desk
from services.console.metrics_page import MetricsPage
from services.console.pages import STATIC, static_files
from services.console.site_parts import Site, page
from services.console.traffic_view import TrafficViews

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_TITLES = {
    401: "Sign in",
    403: "Not with this key",
    404: "Not found",
    409: "Not now",
    422: "Something is missing",
    503: "Not reachable",
}
_STATUS: tuple[tuple[type[RatchetError], int], ...] = ((NotFound, 404), (Busy, 409), (Unavailable, 503))
_log = logging.getLogger("ratchet.console")
_OFF: Any = dict.fromkeys(("tracing", "metrics", "logs", "operation_spans", "auto_configure"), False)


def create_site(settings: Settings, desk: Desk | None = None) -> FastAPI:
    """The ASGI application; it opens and closes what it reads with its lifespan. `desk` replaces that."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        opened = (desk or Desk(settings)).start()
        app.state.site = Site(opened, TrafficViews(opened), MetricsPage(opened))
        try:
            yield
        finally:
            opened.close()

    app = FastAPI(
        title="Ratchet console", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, telemetry=_OFF
    )
    app.include_router(looking.router)
    app.include_router(acting.router)
    app.middleware("http")(_with_headers)
    app.get("/healthz")(_alive)
    app.get("/static/{digest}/{name}")(_static)
    for kind in (RatchetError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _trouble)
    return app


def _alive() -> Response:
    return PlainTextResponse("ok")


def _static(digest: str, name: str) -> Response:
    if name not in STATIC:
        raise NotFound(f"there is no file {name!r}")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(static_files()[name], media_type=STATIC[name], headers=headers)


async def _with_headers(request: Request, answer: RequestResponseEndpoint) -> Response:
    response = await answer(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def _trouble(request: Request, error: Exception) -> Response:
    """A page that says what is wrong and where to go on."""
    status = _status_of(error)
    if isinstance(error, Refused) and error.to is not None and request.method == "GET":
        return RedirectResponse(error.to, 303)
    if status == 500:
        _log.exception("a page could not be made", exc_info=error)
    told = str(error) if isinstance(error, RatchetError) else "the console's log says more" if status == 500 else ""
    title = _TITLES.get(status, "That did not work")
    response = page(request, None, "trouble.html.j2", status, title=title, text=told, code=status)
    for name, value in HEADERS.items():  # an unforeseen error is answered outside of the middleware
        response.headers.setdefault(name, value)
    return response


def _status_of(error: Exception) -> int:
    if isinstance(error, Refused):
        return error.status
    if isinstance(error, HTTPException):
        return error.status_code
    if isinstance(error, RequestValidationError):
        return 404
    if isinstance(error, RatchetError):
        return next((status for kind, status in _STATUS if isinstance(error, kind)), 409)
    return 500
