from __future__ import annotations

import numpy as np

from pipelines.core.watching.course import Course, follow
from pipelines.core.watching.detector import Series

LIMIT, NEEDED = 1.0, float(np.log(700))


def course(means: list[float], variance: float = 0.05) -> Course:
    every = np.ones(len(means))
    return follow(Series(np.array(means), variance * every, 0 * every, 0 * every), 0.5, 0.5, LIMIT, NEEDED)


def test_calm_blocks_are_healthy() -> None:
    assert course([0.0] * 30).state == "healthy"


def test_harm_is_an_alarm_and_lasts_while_it_lasts() -> None:
    found = course([0.0] * 10 + [2.0] * 10)
    assert (found.state, found.since) == ("alarm", 10)
    assert abs(found.estimate - 2.0) < 0.1


def test_a_significant_trifle_is_no_alarm() -> None:
    """0.7 of the limit, known to be above the tolerance beyond any doubt."""
    assert course([0.7] * 200).state == "healthy"


def test_some_evidence_is_a_warning_and_more_of_it_an_alarm() -> None:
    states = [course([0.0] * 5 + [1.6] * more, 0.5).state for more in range(12)]
    assert states[0] == "healthy"
    assert "warning" in states
    assert states[-1] == "alarm"
    assert states.index("warning") < states.index("alarm")


def test_an_alarm_ends_when_the_harm_credibly_has() -> None:
    assert course([2.0] * 10 + [0.0] * 5).state == "healthy"
    assert course([2.0] * 10 + [0.0]).state == "alarm", "one block is no recovery"
    assert course([2.0] * 10 + [0.9] * 10).state == "alarm", "still about the limit"


def test_what_comes_back_is_found_again() -> None:
    assert course([2.0] * 10 + [0.0] * 10 + [2.0] * 4).state == "alarm"


def test_no_block_says_nothing() -> None:
    assert course([]).state == "healthy"
