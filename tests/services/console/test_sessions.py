from __future__ import annotations

from services.console.sessions import LASTS, Sessions, same_token


def test_a_session_lasts_from_its_last_use_and_ends_when_told() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    one = sessions.open(b"digest")
    now[0] = LASTS - 1
    assert sessions.find(one.name) is one
    now[0] += LASTS - 1
    assert sessions.find(one.name) is one
    now[0] += LASTS + 1
    assert sessions.find(one.name) is None
    two = sessions.open()
    sessions.end(two.name)
    assert sessions.find(two.name) is None
    assert sessions.find(None) is None


def test_a_token_is_that_of_its_session_alone() -> None:
    sessions = Sessions()
    one, two = sessions.open(), sessions.open()
    assert same_token(one, one.token)
    assert not same_token(one, two.token)
    assert not same_token(one, "")
    assert one.token != one.name
