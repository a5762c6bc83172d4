"""Ready means: it is known what to serve, and not all of it failed."""

from __future__ import annotations

from typing import Any

from services.prediction.readiness import readiness


def test_a_champion_that_serves_is_ready(desk: Any) -> None:
    ready, content = readiness(desk.champions)
    assert ready
    assert content == {"status": "ready", "models": {"loans": 3}, "refused": [], "registry": "ok"}


def test_a_champion_that_is_still_to_come_is_not(desk: Any) -> None:
    desk.champions.waiting.add("later")
    ready, content = readiness(desk.champions)
    assert (ready, content["status"]) == (False, "not ready")


def test_nothing_known_is_not_ready(desk_of: Any) -> None:
    desk = desk_of()
    assert readiness(desk.champions)[0], "the registry was reached and has no champion"
    desk.champions.reached = None
    assert not readiness(desk.champions)[0]
