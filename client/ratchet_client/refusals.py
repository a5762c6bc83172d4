"""From the service's problem+json to the client's errors."""

from __future__ import annotations

from typing import Any

import httpx

from ratchet_client.errors import (
    Forbidden,
    InvalidRows,
    Issue,
    NotFound,
    RatchetClientError,
    Timeout,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from ratchet_client.retrying import retry_after

_PLAIN: dict[int, type[RatchetClientError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    408: Timeout,
    413: TooLarge,
    503: Unavailable,
}


def refusal(response: httpx.Response, start: int = 0) -> RatchetClientError:
    """The error that the answer stands for; `start`: where in the call the request's rows begin."""
    problem = _problem(response)
    title = problem.get("title") or response.reason_phrase or "no answer"
    detail = problem.get("detail") or title
    kind = str(problem.get("type", "")).rpartition(":")[2] or None
    known: dict[str, Any] = {
        "status": response.status_code,
        "kind": kind,
        "request_id": problem.get("request_id") or response.headers.get("x-request-id"),
    }
    if response.status_code == 422:
        issues = [_issue(one, start) for one in problem.get("errors") or () if isinstance(one, dict)]
        return InvalidRows(detail, issues=issues, **known)
    if response.status_code == 429:
        return TooManyRequests(detail, retry_after=retry_after(response.headers), **known)
    if response.status_code in _PLAIN:
        return _PLAIN[response.status_code](detail, **known)
    return RatchetClientError(f"the service answered {response.status_code}: {detail}", **known)


def silence(error: httpx.TransportError, url: str) -> RatchetClientError:
    """The error of a request that was not answered."""
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, (httpx.ConnectTimeout, httpx.PoolTimeout)):
        return Timeout(f"{url} did not answer in time: give the client a longer timeout, or send fewer rows at a time")
    why = str(error) or type(error).__name__
    return Unavailable(f"{url} cannot be reached ({why}): is the service up, and is the address right?")


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        content = response.json()
    except ValueError:  # a proxy in between has its own words
        return {}
    return content if isinstance(content, dict) else {}


def _issue(told: dict[str, Any], start: int) -> Issue:
    return Issue(int(told.get("row", 0)) + start, told.get("feature"), str(told.get("message", "")))
