"""Which scope a route asks a key for: as the ways say, so that the description cannot say anything else."""

from __future__ import annotations

from services.prediction.paths import Scope
from services.prediction.ways import WAYS

_SCOPES: dict[tuple[str, str], Scope] = {(way.method, way.template): way.scope for way in WAYS}


def scope_of(method: str, template: str) -> Scope:
    """The scope of a route with a door of its own.

    >>> scope_of("POST", "/v1/models/{problem}/predict")
    'predict'
    """
    return _SCOPES[method, template]
