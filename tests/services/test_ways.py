"""Every protocol has its ways, and each leads somewhere."""

from __future__ import annotations

import inspect

from services.prediction.ways import WAYS


def test_every_protocol_is_there_and_every_door_is_one() -> None:
    templates = {way.template for way in WAYS}
    assert {"/v1/models/{problem}/predict", "/v1/models/{problem}/labels"} <= templates
    assert all(inspect.iscoroutinefunction(way.door) for way in WAYS)


def test_whatever_writes_needs_more_than_reading() -> None:
    for way in WAYS:
        if way.method == "POST":
            assert way.scope in ("predict", "label", "admin"), way.template
