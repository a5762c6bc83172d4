from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.prediction.guarding.rate_limits import RateLimits


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_key_may_send_what_a_second_holds_and_then_its_rate() -> None:
    clock = Clock()
    limits = RateLimits(clock=clock)
    assert [limits.take("a", 3.0) for _ in range(3)] == [0.0] * 3
    assert 0 < limits.take("a", 3.0) <= 1 / 3 + 1e-9
    assert limits.take("b", 3.0) == 0.0, "another key has its own"
    clock.now = 0.34
    assert limits.take("a", 3.0) == 0.0
    assert limits.take("a", 3.0) > 0.0
    clock.now = 100.0
    assert [limits.take("a", 3.0) > 0 for _ in range(4)] == [False, False, False, True], "nothing is saved up"


def test_a_slow_rate_lets_one_through_at_once() -> None:
    clock = Clock()
    limits = RateLimits(clock=clock)
    assert limits.take("a", 0.1) == 0.0
    assert limits.take("a", 0.1) == 10.0
    clock.now = 10.0
    assert limits.take("a", 0.1) == 0.0


def test_each_of_several_processes_has_its_share() -> None:
    limits = RateLimits(shares=4, clock=Clock())
    assert [limits.take("a", 8.0) > 0 for _ in range(3)] == [False, False, True]


@given(st.floats(0.1, 50), st.lists(st.floats(0, 2), min_size=1, max_size=200))
def test_no_rate_is_ever_exceeded(rate: float, pauses: list[float]) -> None:
    clock = Clock()
    limits = RateLimits(clock=clock)
    admitted = 0
    for pause in pauses:
        clock.now += pause
        admitted += limits.take("a", rate) == 0.0
    assert admitted <= max(rate, 1.0) + rate * clock.now + 1e-6
