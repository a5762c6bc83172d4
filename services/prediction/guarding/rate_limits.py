"""How fast each key may ask: a token bucket per key, filled by a clock that is passed in."""

from __future__ import annotations

import time
from collections.abc import Callable


class RateLimits:
    """Token buckets of one process; each holds what a key may send in one second, at least one request.

    A service of several processes gives each its share: connections spread over them, so a key's
    limit is met within what the spread makes of it, and never exceeded as a whole.
    """

    def __init__(self, shares: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._shares, self._clock = shares, clock
        # Never pruned: one entry of a hundred bytes for each key that ever asked.
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, key: str, rate: float) -> float:
        """0.0 when the key may ask now, else the seconds until it may; `rate` is in requests per second.

        >>> limits = RateLimits(clock=lambda: 0.0)
        >>> [limits.take("a", 2.0) for _ in range(3)]
        [0.0, 0.0, 0.5]
        """
        rate /= self._shares
        most = max(rate, 1.0)
        now = self._clock()
        tokens, before = self._buckets.get(key, (most, now))
        tokens = min(most, tokens + (now - before) * rate)
        if tokens < 1.0:
            self._buckets[key] = (tokens, now)
            return (1.0 - tokens) / rate
        self._buckets[key] = (tokens - 1.0, now)
        return 0.0
