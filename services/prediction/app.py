"""The prediction service put together: one place where its parts meet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pipelines.core.errors import RatchetError
from pipelines.core.settings import Settings
from pipelines.stores.api_keys import KeyRing
from pipelines.stores.registry.registry_reader import RegistryReader, open_reader
from services.prediction.description.openapi import describe_api
from services.prediction.faults import MEDIA, fault_of, render
from services.prediction.front import Front
from services.prediction.guarding.guard import Guard
from services.prediction.metrics import Metrics
from services.prediction.paths import Paths
from services.prediction.pulse import Pulse
from services.prediction.routes import router
from services.prediction.service import start_service
from services.prediction.ways import WAYS

_TELEMETRY: Any = dict.fromkeys(("tracing", "metrics", "logs", "operation_spans", "auto_configure"), False)


class Application(FastAPI):
    """A FastAPI application with a front before it: the doors of the protocols are found there."""

    front: Front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server's start and stop."""
        if scope["type"] == "http":
            await self.front.serve(self.state.service, super().__call__, scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings, reader: RegistryReader | None = None) -> Application:
    """The ASGI application; its parts start and stop with its lifespan. `reader` replaces the registry."""
    metrics = Metrics()
    keys = KeyRing(settings)
    front = Front(settings, Paths(WAYS), Guard(settings, keys), metrics)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = start_service(settings, reader or open_reader(settings), metrics)
        keys.start()
        app.state.service = service
        app.state.pulse = pulse = Pulse(service, lambda: front.in_hand)
        try:
            yield
        finally:
            pulse.close()
            keys.close()
            service.close()

    app = Application(
        title="Ratchet predictions",
        description="Predictions by the champions, each kept in the log; labels join them later.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry=_TELEMETRY,
    )
    app.front = front
    app.include_router(router)
    for kind in (RatchetError, HTTPException):
        app.add_exception_handler(kind, _refuse(metrics))
    app.openapi = _Document(app)  # type: ignore[method-assign]
    return app


def _refuse(metrics: Metrics) -> Any:
    """What answers an error that FastAPI's own routes raise on purpose."""

    async def refuse(request: Request, error: Exception) -> Response:
        fault = fault_of(error)
        metrics.errors.labels(fault.kind).inc()
        body = render(fault, request.scope.get("ratchet.id", ""), request.scope["path"])
        return Response(body, fault.status, headers=dict(fault.headers), media_type=MEDIA)

    return refuse


class _Document:
    """The OpenAPI document for what is in service now, made anew when that changes."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._made: tuple[tuple[Any, ...], dict[str, Any]] | None = None

    def __call__(self) -> dict[str, Any]:
        app, service = self._app, getattr(self._app.state, "service", None)
        models = [] if service is None else service.champions.serving()
        of = tuple((model.info.problem, model.info.version) for model in models)
        if self._made is None or self._made[0] != of:
            base = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            self._made = (of, describe_api(base, models))
        return self._made[1]
