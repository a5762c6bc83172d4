from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from ratchet_client import errors
from ratchet_client.refusals import refusal, silence

Refused = Callable[..., httpx.Response]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, errors.Unauthorized),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (408, errors.Timeout),
        (413, errors.TooLarge),
        (422, errors.InvalidRows),
        (429, errors.TooManyRequests),
        (500, errors.RatchetClientError),
        (503, errors.Unavailable),
    ],
)
def test_each_status_has_its_error(refused: Refused, status: int, kind: type[errors.RatchetClientError]) -> None:
    error = refusal(refused(status, kind="some-kind", request_id="q7"))
    assert type(error) is kind
    assert "what to do" in str(error)
    assert (error.status, error.kind, error.request_id) == (status, "some-kind", "q7")


def test_issues_are_counted_over_the_whole_call(refused: Refused) -> None:
    told = [{"row": 0, "feature": "a", "message": "expected a number"}, {"row": 4, "feature": None, "message": "empty"}]
    error = refusal(refused(422, errors=told), start=1000)
    assert isinstance(error, errors.InvalidRows)
    assert error.issues == (errors.Issue(1000, "a", "expected a number"), errors.Issue(1004, None, "empty"))


def test_it_is_told_when_to_come_back(refused: Refused) -> None:
    error = refusal(refused(429, headers={"Retry-After": "2"}))
    assert isinstance(error, errors.TooManyRequests)
    assert error.retry_after == 2.0


@pytest.mark.parametrize("content", [b"<html>Bad gateway</html>", b"[]", b"null", b"", b'{"detail": null}'])
def test_what_stands_in_between_may_answer_in_its_own_words(content: bytes) -> None:
    error = refusal(httpx.Response(502, content=content, headers={"X-Request-Id": "q8"}))
    assert "502" in str(error)
    assert "Bad Gateway" in str(error)
    assert error.request_id == "q8"


def test_silence_says_whether_anything_was_asked() -> None:
    assert type(silence(httpx.ReadTimeout(""), "http://x")) is errors.Timeout
    assert type(silence(httpx.ConnectTimeout(""), "http://x")) is errors.Unavailable
    unreachable = silence(httpx.ConnectError("Connection refused"), "http://x")
    assert type(unreachable) is errors.Unavailable
    assert "http://x cannot be reached (Connection refused)" in str(unreachable)
    assert "(RemoteProtocolError)" in str(silence(httpx.RemoteProtocolError(""), "http://x"))
