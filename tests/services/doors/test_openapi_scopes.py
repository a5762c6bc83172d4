"""The description's scopes are those that the guard asks for."""

from __future__ import annotations

import pytest

from services.prediction.description.openapi_scopes import scope_of
from services.prediction.ways import WAYS


def test_scopes_are_those_of_the_ways() -> None:
    assert {(way.method, way.template): way.scope for way in WAYS} == {
        (way.method, way.template): scope_of(way.method, way.template) for way in WAYS
    }


def test_a_route_without_a_door_has_none_here() -> None:
    with pytest.raises(KeyError):
        scope_of("GET", "/metrics")
