"""Requests that are turned away for what they are, not for what their rows hold: each has its HTTP status."""

from __future__ import annotations

from pipelines.core.errors import RatchetError


class Refusal(RatchetError):
    """A request that is turned away: `kind` for machines and metrics, `title` and the message for people.

    >>> Refusal(429, "too-many-requests", "Too many requests", "wait a second", retry_after=1).status
    429
    """

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        retry_after: int | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.title = status, kind, title
        self.retry_after, self.headers = retry_after, headers
