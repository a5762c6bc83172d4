"""The prediction service put together: one place where its parts meet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from pipelines.core.settings import Settings
from pipelines.stores.registry_reader import RegistryReader, open_reader
from services.prediction.faults import Guarded, handle_errors
from services.prediction.metrics import Measured, Metrics
from services.prediction.openapi import describe_api
from services.prediction.routes import router
from services.prediction.service import start_service


def create_app(settings: Settings, reader: RegistryReader | None = None) -> FastAPI:
    """The ASGI application; its parts start and stop with its lifespan. `reader` replaces the registry."""
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = start_service(settings, reader or open_reader(settings), metrics)
        app.state.service = service
        try:
            yield
        finally:
            service.close()

    app = FastAPI(
        title="Ratchet predictions",
        description="Predictions by the champions, each kept in the log; labels join them later.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    app.include_router(router)
    handle_errors(app, metrics)
    app.add_middleware(Guarded, metrics=metrics)
    app.add_middleware(Measured, metrics=metrics)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document for what is in service now."""
    base = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    service = getattr(app.state, "service", None)
    return describe_api(base, [] if service is None else service.champions.serving())
