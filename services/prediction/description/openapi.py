"""The API's description, OpenAPI 3.1, with each served problem's own paths: features with types, ranges, an example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from services.prediction.description.openapi_doors import describe_doors
from services.prediction.description.openapi_parts import TRACED, shared_components
from services.prediction.description.openapi_schemas import describe_answer, describe_label, describe_rows
from services.prediction.description.openapi_service import describe_service, service_schemas
from services.prediction.description.openapi_v2 import (
    TAG,
    describe_model,
    describe_request,
    describe_server,
    v2_schemas,
)

if TYPE_CHECKING:
    from services.prediction.live_model import LiveModel

__all__ = ["describe_answer", "describe_api", "describe_label", "describe_rows"]


def describe_api(base: dict[str, Any], models: Sequence[LiveModel]) -> dict[str, Any]:
    """The OpenAPI document `base` with the paths and schemas of every release in service."""
    components = base.setdefault("components", {})
    for kind, parts in shared_components().items():
        components.setdefault(kind, {}).update(parts)
    schemas: dict[str, Any] = components["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas |= service_schemas() | v2_schemas()
    paths: dict[str, Any] = base["paths"]
    _mend(paths)
    paths |= describe_service() | describe_server()
    tags = [{"name": "service"}, {"name": TAG}]
    for model in models:
        name = model.info.problem
        schemas[f"{name}-instance"] = describe_rows(model.contract)
        schemas[f"{name}-answer"] = describe_answer(model.contract)
        schemas[f"{name}-infer"] = describe_request(model)
        paths |= describe_doors(model) | describe_model(model)
        tags.append({"name": name, "description": model.definition.question})
    base["tags"] = tags
    return base


def _mend(paths: dict[str, Any]) -> None:
    """FastAPI's own descriptions with our errors and headers."""
    for operations in paths.values():
        for described in operations.values():
            answers = described["responses"]
            answers.pop("422", None)  # FastAPI's own: a path is always a text here
            answers["default"] = {"$ref": "#/components/responses/Error"}
            answers.get("200", {})["headers"] = TRACED
