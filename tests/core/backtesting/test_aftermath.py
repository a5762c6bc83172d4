from __future__ import annotations

from datetime import timedelta
from typing import Any

from pipelines.core.backtesting.aftermath import aftermath
from pipelines.core.backtesting.loop import Replay
from pipelines.core.backtesting.policies import default_policies


def _lived(world: Any, name: str, turns: Any) -> Replay:
    traffic = world.traffic(turns)
    policy = next(one for one in default_policies(world.problem) if one.name == name)
    replay = Replay(world.problem, policy, traffic, world.trainer(traffic))
    replay.run(world.spans(), lambda done, text: None)
    return replay


def test_an_alarm_that_was_right_shows_what_would_have_been_lost(world: Any) -> None:
    found = aftermath(_lived(world, "performance", world.start + timedelta(days=28)))
    first = found[0]
    assert first.answer == "promote"
    assert "performance" in first.kinds
    assert first.promised < 0.6
    assert first.left_alone > 1.5
    assert first.actual < first.left_alone
    assert first.windows == 4


def test_without_retraining_it_went_as_it_would_have_gone(world: Any) -> None:
    found = aftermath(_lived(world, "never", world.start + timedelta(days=28)))
    assert len(found) == 1  # one alarm, which goes on
    assert found[0].answer == "nothing"
    assert found[0].left_alone == found[0].actual


def test_nothing_happened_in_a_quiet_stream(world: Any) -> None:
    assert aftermath(_lived(world, "performance", None)) == []
