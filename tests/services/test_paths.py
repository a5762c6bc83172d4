"""A path finds its door, whatever callers put into it."""

from __future__ import annotations

from typing import Any

import pytest

from services.prediction import paths as module
from services.prediction.paths import Paths, Way
from services.prediction.ways import WAYS


async def door(service: Any, asked: Any) -> Any: ...


PATHS = Paths(
    [
        Way("POST", "/v1/models/{problem}/predict", "predict", door),
        Way("POST", "/v2/models/{problem}/versions/{version}/infer", "predict", door),
        Way("GET", "/v2/models/{problem}/versions/{version}", "read", door),
        Way("GET", "/v2", "read", door),
    ]
)


def test_a_path_names_its_problem_and_version() -> None:
    found = PATHS.find("POST", "/v2/models/flights/versions/12/infer")
    assert found is not None
    assert (found.problem, found.version, found.way.scope) == ("flights", 12, "predict")
    plain = PATHS.find("POST", "/v1/models/flights/predict")
    assert plain is not None
    assert (plain.problem, plain.version) == ("flights", None)
    assert PATHS.find("GET", "/v2/") is not None


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/flights/predictions",
        "/v1/models/predict",
        "/v2/models/flights/versions/one/infer",
        "/v2/models/flights/versions/-1/infer",
        "/v2/models/flights/versions/٣/infer",
        "/v2/models/flights/versions/" + "9" * 40 + "/infer",
        "",
        "/",
        "//",
    ],
)
def test_other_paths_are_not_ours(path: str) -> None:
    assert PATHS.find("POST", path) is None


def test_the_methods_of_a_path_are_known() -> None:
    assert PATHS.methods("/v1/models/flights/predict") == ["POST"]
    assert PATHS.methods("/v1/models/flights") == []


def test_what_is_remembered_is_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "_MOST_KNOWN", 10)
    some = Paths([Way("POST", "/v1/models/{problem}/predict", "predict", door)])
    for number in range(100):
        assert some.find("POST", f"/v1/models/m{number}/predict") is not None
    assert len(some._known) <= 10


def test_the_ways_of_the_service_do_not_meet() -> None:
    assert len({(way.method, way.template) for way in WAYS}) == len(WAYS)
    assert all(way.scope in ("open", "predict", "label", "read", "admin") for way in WAYS)
