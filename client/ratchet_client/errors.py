"""Every error of the client, as one tree; each is made from what the service answered, or from what kept it silent.

::

    RatchetClientError        anything that went wrong between the caller and the service
    ├── InvalidRows           the rows break the problem's contract; carries every issue (422)
    ├── Unauthorized          no API key, or one that is not known (401)
    ├── Forbidden             the key may not do this (403)
    ├── NotFound              no such problem or prediction (404)
    ├── TooLarge              more rows or bytes than one request may carry (413)
    ├── TooManyRequests       slow down; `retry_after` says for how long (429)
    ├── Unavailable           the service cannot be reached, or cannot answer now (503)
    └── Timeout               no answer in time: whether the request was served is not known
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Issue:
    """One thing wrong with one cell: `row` counts from 0; without a `feature` it is about the whole row."""

    row: int
    feature: str | None
    message: str


class RatchetClientError(Exception):
    """The root of the tree. `kind` is for programs, the message for people; `request_id` finds it in the log."""

    def __init__(
        self, message: str, *, status: int | None = None, kind: str | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.request_id = status, kind, request_id


class InvalidRows(RatchetClientError):
    """The rows break the problem's contract; `issues` names row and feature of each fault."""

    def __init__(
        self,
        message: str,
        *,
        issues: Sequence[Issue] = (),
        status: int | None = None,
        kind: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, status=status, kind=kind, request_id=request_id)
        self.issues = tuple(issues)


class Unauthorized(RatchetClientError):
    """No API key was sent, or one that is not known."""


class Forbidden(RatchetClientError):
    """The key is known and may not do this."""


class NotFound(RatchetClientError):
    """No such problem or prediction."""


class TooLarge(RatchetClientError):
    """More rows or bytes than one request may carry."""


class TooManyRequests(RatchetClientError):
    """The key has used up its rate; `retry_after` says after how many seconds to come back, where it was told."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        status: int | None = None,
        kind: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, status=status, kind=kind, request_id=request_id)
        self.retry_after = retry_after


class Unavailable(RatchetClientError):
    """The service cannot be reached, or cannot answer now."""


class Timeout(RatchetClientError):
    """No answer in time. Whether the request was served is not known."""
