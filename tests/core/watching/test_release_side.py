from __future__ import annotations

from typing import Any


def test_what_depends_on_the_reference_alone_is_made_once(world: Any) -> None:
    side = world().side
    assert side.promise is side.promise
    assert side.metric == "log_loss"
    assert world("regression").side.metric == "rmse"


def test_sides_are_told_apart_by_identity(world: Any) -> None:
    first, second = world().side, world().side
    assert first != second
    assert len({first, second, first}) == 2
