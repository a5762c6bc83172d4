from __future__ import annotations

from typing import Any

import httpx
import pytest
from ratchet_client.errors import RatchetClientError, Timeout, Unavailable
from ratchet_client.exchanges import Call, Outcome, Send, Wait, exchange, ready, wait_until_ready
from ratchet_client.retrying import Retries

URL = "http://x"
SEND = Send("POST", "/p", b"{}")


def drive(steps: Any, outcomes: list[Outcome]) -> tuple[Any, list[Send | Wait]]:
    """The result, and what was done on the way."""
    done: list[Send | Wait] = []
    outcome: Outcome = None
    while True:
        try:
            step = steps.send(outcome)
        except StopIteration as end:
            return end.value, done
        done.append(step)
        outcome = outcomes.pop(0) if isinstance(step, Send) else None


def answer(status: int, content: Any = None, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=content, headers=headers, request=httpx.Request("POST", URL))


def steps(repeatable: bool = False, retries: Retries | None = None) -> Any:
    return exchange(Call(SEND, repeatable), lambda content: content["a"], retries or Retries(), URL)


def test_an_answer_is_read_at_once() -> None:
    assert drive(steps(), [answer(200, {"a": 1})]) == (1, [SEND])


def test_busy_is_asked_again_as_long_as_it_says() -> None:
    busy = answer(503, {}, **{"retry-after": "2"})
    result, done = drive(steps(), [busy, answer(429, {}), answer(200, {"a": 1})])
    assert result == 1
    assert done[:3] == [SEND, Wait(2.0), SEND]
    assert isinstance(done[3], Wait)
    assert done[3].seconds <= 0.2


def test_it_gives_up_in_the_end() -> None:
    with pytest.raises(Unavailable):
        drive(steps(retries=Retries(most=2)), [answer(503, {})] * 3)


@pytest.mark.parametrize("status", [400, 404, 422, 500, 502])
def test_what_would_be_refused_again_is_not_asked_again(status: int) -> None:
    with pytest.raises(RatchetClientError):
        drive(steps(repeatable=True), [answer(status, {})])


def test_a_prediction_that_may_have_been_served_is_not_asked_for_again() -> None:
    with pytest.raises(Timeout) as caught:
        drive(steps(), [httpx.ReadTimeout("")])
    assert isinstance(caught.value.__cause__, httpx.ReadTimeout)
    with pytest.raises(Unavailable):
        drive(steps(), [httpx.RemoteProtocolError("gone")])
    assert drive(steps(repeatable=True), [httpx.RemoteProtocolError("gone"), answer(200, {"a": 1})])[0] == 1
    assert drive(steps(), [httpx.ConnectError("refused"), answer(200, {"a": 1})])[0] == 1


@pytest.mark.parametrize("content", [{}, [], None, {"b": 1}])
def test_an_answer_of_something_else_is_told(content: Any) -> None:
    with pytest.raises(RatchetClientError, match="no answer of a Ratchet service"):
        drive(steps(), [answer(200, content)])


def test_ready_never_raises() -> None:
    for outcome, expected in ((answer(200), True), (answer(503), False), (httpx.ConnectError(""), False)):
        assert drive(ready(), [outcome])[0] is expected


def test_it_waits_until_the_service_is_ready_and_no_longer() -> None:
    _, done = drive(wait_until_ready(60, URL), [httpx.ConnectError(""), answer(503), answer(200)])
    assert [type(one) for one in done] == [Send, Wait, Send, Wait, Send]
    with pytest.raises(Unavailable, match="not ready within 0 s"):
        drive(wait_until_ready(0, URL), [answer(503)])
