from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from pipelines.core.backtesting.candidates import Tried
from pipelines.core.backtesting.loop import Replay
from pipelines.core.backtesting.policies import Policy, default_policies
from pipelines.core.errors import NotEnoughData
from pipelines.core.problem import Retraining


def _policy(world: Any, name: str) -> Policy:
    return next(one for one in default_policies(world.problem) if one.name == name)


def _lived(world: Any, policy: Policy, traffic: Any, weeks: int = 10, **trainer: Any) -> Replay:
    replay = Replay(world.problem, policy, traffic, world.trainer(traffic, **trainer))
    replay.run(world.spans(weeks), lambda done, text: None)
    return replay


def test_a_broken_release_is_replaced_and_the_loss_comes_back(world: Any) -> None:
    turns = world.start + timedelta(days=28)
    traffic = world.traffic(turns)
    never = _lived(world, _policy(world, "never"), traffic)
    performing = _lived(world, _policy(world, "performance"), traffic)
    assert len(never.trainings) == 1
    assert len(performing.trainings) > 1
    first = performing.trainings[1]
    assert turns < first.at <= turns + timedelta(days=14)
    assert "performance" in first.reasons[0]
    last = [replay.windows[-1].loss.value("binary") for replay in (never, performing)]
    assert last[1] < 0.6 < 1.0 < last[0]
    assert performing.windows[-1].version == len(performing.trainings)


def test_a_quiet_stream_is_left_alone(world: Any) -> None:
    replay = _lived(world, _policy(world, "performance"), world.traffic(None))
    assert len(replay.trainings) == 1
    assert not any(one.level == "alarm" for one in replay.windows)


def test_the_calendar_trains_every_four_weeks_and_no_rejection_stops_it(world: Any) -> None:
    traffic = world.traffic(None, days=170)
    replay = _lived(world, _policy(world, "calendar"), traffic, weeks=20, refuses=world.start)
    at = [one.at for one in replay.trainings[1:]]
    assert [one - world.start for one in at] == [timedelta(weeks=4 * number) for number in range(1, 5)]
    assert {one.outcome for one in replay.trainings[1:]} == {"keep"}
    assert {one.version for one in replay.windows} == {1}


def test_a_tripped_breaker_waits_until_the_labels_have_doubled(world: Any) -> None:
    turns = world.start + timedelta(days=14)
    policy = Policy("stubborn", Retraining(on=["performance"], growth=None, min_new_labels=0, max_rejections=2))
    replay = _lived(world, policy, world.traffic(turns), refuses=world.start)
    _, _, second, third = (one.at for one in replay.trainings)
    assert third - world.start >= 2 * (second - world.start)  # as many rows come each day
    between = [one for one in replay.windows if second < one.end < third]
    assert between
    for one in between:
        assert one.asked == "blocked"
        assert "rejected in a row" in one.blocked_by[0]


def test_an_alarm_is_a_reason_to_change(world: Any) -> None:
    turns = world.start + timedelta(days=14)
    traffic = world.traffic(turns)
    trainer = world.trainer(traffic)
    Replay(world.problem, _policy(world, "performance"), traffic, trainer).run(world.spans(6), lambda *_: None)
    assert trainer.changes[0] is None
    assert trainer.changes[1].kind == "alarm"


def test_after_the_last_window_nobody_trains(world: Any) -> None:
    always = Policy(
        "always", Retraining(on=[], growth=None, every=timedelta(days=7), cooldown=timedelta(0), min_new_labels=0)
    )
    replay = _lived(world, always, world.traffic(None), weeks=3)
    assert len(replay.trainings) == 1 + 2
    assert [one.asked for one in replay.windows] == ["asked", "asked", "nothing"]


def _scheduled(text: str) -> Policy:
    return Policy("scheduled", Retraining(on=[], growth=None, schedule=text))


def test_a_schedule_trains_at_its_moments_and_the_rest_of_the_window_is_the_new_releases(world: Any) -> None:
    traffic = world.traffic(None, days=170)
    replay = _lived(world, _scheduled("0 6 1,15 * *"), traffic, weeks=6)  # windows begin on Thursdays at midnight
    days = [one.at - world.start for one in replay.trainings]
    assert days == [timedelta(0), *(timedelta(days=at, hours=6) for at in (0, 14, 29))]
    assert [one.version for one in replay.windows] == [2, 2, 3, 3, 4, 4]
    assert "retraining.schedule (0 6 1,15 * *)" in replay.trainings[1].reasons[0]
    first = replay.looks[0]
    assert first.view(first.served.end).versions == {1: 10, 2: 270}
    assert first.served.scores.shape == (280, 2)
    assert (first.served.answered_by == np.repeat([1, 2], [10, 270])).all()
    turned = replay.looks[4]  # the third training came on the second day of the fifth window
    assert turned.view(turned.served.end).versions == {3: 50, 4: 230}
    replayed = _lived(world, _scheduled("0 0 1 * *"), traffic, weeks=6)
    assert [one.at for one in replayed.trainings] == [world.start, world.start.replace(month=3)]  # once at the start


def test_what_a_release_showed_in_a_window_that_it_shared_counts_for_it(world: Any) -> None:
    turns = world.start + timedelta(days=16)
    replay = _lived(world, _scheduled("0 12 15 2 *"), world.traffic(turns), weeks=6)
    assert [one.version for one in replay.windows] == [1, 1, 2, 2, 2, 2]
    assert {one.level for one in replay.windows[3:]} == {"alarm"}
    blocks = [one.start.date() for one in replay._past(2, replay.windows[-1].end)[0].blocks]  # the shared window's
    assert blocks[0] == (world.start + timedelta(days=14)).date()


def test_without_a_first_release_it_says_why(world: Any) -> None:
    replay = Replay(
        world.problem,
        _policy(world, "never"),
        world.traffic(None),
        lambda *_: Tried(None, None, "5 labelled rows are too few to split", None, 0, 0.0),
    )
    with pytest.raises(NotEnoughData, match=r"no release to begin with on 2024-02-01: 5 labelled rows.*--from"):
        replay.run(world.spans(2), lambda *_: None)


def test_a_training_that_fails_is_told_and_life_goes_on(world: Any) -> None:
    traffic = world.traffic(None)
    trainer = world.trainer(traffic)

    def failing(as_of: Any, champion: Any, change: Any) -> Tried:
        if champion is None:
            return trainer(as_of, champion, change)
        return Tried(None, None, "the schema has changed", None, 0, 0.0)

    always = Policy(
        "always", Retraining(on=[], growth=None, every=timedelta(days=7), cooldown=timedelta(0), min_new_labels=0)
    )
    replay = Replay(world.problem, always, traffic, failing)
    replay.run(world.spans(4), lambda *_: None)
    assert [one.outcome for one in replay.trainings] == ["promote", "failed", "failed", "failed"]
    assert replay.trainings[1].gate == ("the schema has changed",)


@effort(max_examples=8)
@given(after=st.integers(1, 5), seed=st.integers(0, 50), what=st.sampled_from(["labels", "rows", "both"]))
def test_what_comes_later_changes_no_earlier_decision(world: Any, after: int, seed: int, what: str) -> None:
    """Labels that become known after a moment, and rows asked after it, are made up anew."""
    moment = world.start + timedelta(days=7 * after)
    traffic = world.traffic(world.start + timedelta(days=14))
    changed = world.traffic(world.start + timedelta(days=14))
    source = np.random.default_rng(seed)
    border = np.datetime64(moment.replace(tzinfo=None), "us")
    if what != "rows":
        later = changed.known > border
        changed.labels[later] = source.integers(0, 2, later.sum())
    if what != "labels":
        later = changed.moments >= border
        changed.frame.loc[later, "x"] = source.choice(["a", "b"], later.sum())
    policies = _policy(world, "drift"), _policy(world, "performance"), _scheduled("30 4 */6 * *")
    policy = policies[seed % 3]
    lives = [_lived(world, policy, one, weeks=7) for one in (traffic, changed)]
    told = [
        [(one.level, one.kinds, one.reasons, one.numbers, one.asked, one.version) for one in life.windows[:after]]
        for life in lives
    ]
    assert told[0] == told[1]
    trained = [[(one.at, one.outcome) for one in life.trainings if one.at <= moment] for life in lives]
    assert trained[0] == trained[1]
