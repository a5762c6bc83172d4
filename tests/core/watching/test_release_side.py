from __future__ import annotations

from dataclasses import replace
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


def test_what_was_kept_of_one_reference_is_not_that_of_another(world: Any) -> None:
    side = world().side
    side.kept["answer"] = 42
    assert not replace(side, reference=world(seed=1).side.reference).kept
