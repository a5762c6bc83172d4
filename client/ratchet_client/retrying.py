"""When to ask again, and after how long."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

import httpx

AGAIN = frozenset({429, 503})
"""Statuses after which the same request can succeed: the service did not serve it."""
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True)
class Retries:
    """How often to ask again, and the bounds of the waits between, in seconds.

    The wait doubles from `first` on, up to `longest`, and a random half of it is left out, so that many callers do not
    come back at once. What the service says (Retry-After) comes before that; beyond `patience` nobody waits.
    """

    most: int = 3
    first: float = 0.1
    longest: float = 5.0
    patience: float = 60.0

    def wait(self, tries: int, told: float | None = None) -> float | None:
        """Seconds to wait before the next try when `tries` have failed; None: give up.

        >>> Retries(most=2).wait(3) is None, Retries().wait(1, told=2.0)
        (True, 2.0)
        """
        if tries > self.most or (told is not None and told > self.patience):
            return None
        if told is not None:
            return told
        longest = min(self.first * 2.0 ** (tries - 1), self.longest)
        return longest * random.uniform(0.5, 1.0)


def is_safe(error: httpx.TransportError, repeatable: bool) -> bool:
    """Whether asking again cannot serve the request twice: it never left, or serving it twice does no harm."""
    return repeatable or isinstance(error, _UNSENT)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the service asks to wait, given as a number or as a moment; None when it says nothing.

    >>> retry_after({"retry-after": "2"}), retry_after({})
    (2.0, None)
    """
    text = headers.get("retry-after")
    if text is None:
        return None
    try:
        return max(float(text), 0.0)
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((until - datetime.now(timezone.utc)).total_seconds(), 0.0)
