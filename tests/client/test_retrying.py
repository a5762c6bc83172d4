from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from ratchet_client.retrying import Retries, is_safe, retry_after


def test_waits_grow_and_differ_and_end() -> None:
    retries = Retries(most=8, first=0.1, longest=1.0)
    for tries, longest in enumerate([0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0, 1.0], start=1):
        waits = {retries.wait(tries) for _ in range(20)}
        assert len(waits) > 10
        assert all(one is not None and longest / 2 <= one <= longest for one in waits)
    assert retries.wait(9) is None
    assert Retries(most=0).wait(1) is None


def test_what_the_service_says_comes_first_but_nobody_waits_for_ever() -> None:
    assert Retries().wait(1, told=0.0) == 0.0
    assert Retries().wait(3, told=7.5) == 7.5
    assert Retries().wait(4, told=7.5) is None
    assert Retries(patience=5).wait(1, told=7.5) is None


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), httpx.ConnectTimeout(""), httpx.PoolTimeout("")])
def test_what_was_never_sent_can_be_sent_again(error: httpx.TransportError) -> None:
    assert is_safe(error, repeatable=False)


@pytest.mark.parametrize("error", [httpx.ReadTimeout(""), httpx.ReadError(""), httpx.RemoteProtocolError("gone")])
def test_what_may_have_been_served_is_sent_again_only_where_that_does_no_harm(error: httpx.TransportError) -> None:
    assert is_safe(error, repeatable=True)
    assert not is_safe(error, repeatable=False)


def test_retry_after_is_read_in_both_its_forms() -> None:
    assert retry_after({"retry-after": "1.5"}) == 1.5
    assert retry_after({"retry-after": "-3"}) == 0.0
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    told = retry_after({"retry-after": soon})
    assert told is not None
    assert 25 < told <= 30
    assert retry_after({"retry-after": "soon"}) is None
