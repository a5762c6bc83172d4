from __future__ import annotations

import json

from pipelines.core.challenge.trial_loss import Finding
from pipelines.core.challenge.trial_tally import LEAST_TIMED, Tally, together, why_end
from pipelines.core.problem import Rollout

ROLLOUT = Rollout(mode="canary", max_errors=0.01, max_slowdown=2.0, max_loss=0.1)


def counted(failed: int = 0, slow: float = 1.0, answers: int = 200, champion_run: str = "r") -> Tally:
    tally = Tally(champion_run)
    for number in range(answers):
        tally.champion.count(2, 0.002, False)
        tally.challenger.count(1, 0.001, number < failed)
        tally.champion.time(3, 0.003)
        tally.challenger.time(3, 0.003 * slow)
    return tally


def test_counts_survive_the_database() -> None:
    tally = counted(3, 1.5)
    tally.dropped = 7
    assert Tally.read(json.loads(json.dumps(tally.as_json()))) == tally


def test_processes_count_together() -> None:
    whole = together([counted(1), counted(2), counted(200, champion_run="another")], "r")
    assert (whole.challenger.answers, whole.challenger.failed, whole.champion.rows) == (400, 3, 800)
    assert whole.champion.times.total() == 400
    assert together([], "r") == Tally("r")


def test_a_challenger_within_its_limits_goes_on() -> None:
    fine = Finding(False, 0.5, 0.6, (300, 300), -0.1)
    assert why_end(ROLLOUT, counted(2, 1.8), fine) == []
    assert why_end(ROLLOUT, Tally(), None) == []


def test_each_limit_ends_it_with_its_numbers() -> None:
    (errors,) = why_end(ROLLOUT, counted(40), None)
    assert "40 of 200 answers" in errors
    (latency,) = why_end(ROLLOUT, counted(slow=4.0), None)
    assert "4.0 times as long" in latency
    (loss,) = why_end(ROLLOUT, counted(), Finding(True, 0.5, 0.9, (300, 310), 0.2))
    assert "0.9 on 310 labels" in loss


def test_few_timings_say_nothing() -> None:
    assert why_end(ROLLOUT, counted(slow=9.0, answers=LEAST_TIMED - 1), None) == []
    assert Tally().champion.median is None
