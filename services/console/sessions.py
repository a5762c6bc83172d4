"""Who sits before the page: sessions in memory, each with the token that its forms must send back.

A session's cookie says nothing by itself; what it stands for is kept here, and ends with the process. Forms carry the
session's own token, so that another site cannot send them in a person's name (the cookie is SameSite=Strict as well).
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

LASTS = 12 * 3600.0
"""Seconds that a session lasts after its last use."""
_MOST = 10_000


@dataclass(slots=True)
class Session:
    """One browser: `digest` is that of the key it signed in with, None of one that never did."""

    name: str
    token: str
    digest: bytes | None
    used: float


class Sessions:
    """The sessions of this process; safe to share among threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, Session] = {}
        self._lock = threading.Lock()

    def open(self, digest: bytes | None = None) -> Session:
        """A new session, signed in with that key or with none."""
        made = Session(secrets.token_urlsafe(32), secrets.token_urlsafe(32), digest, self._clock())
        with self._lock:
            self._forget_old()
            self._known[made.name] = made
        return made

    def find(self, name: str | None) -> Session | None:
        """The session of this name, unless it has ended; it lasts anew from now on."""
        with self._lock:
            found = self._known.get(name or "")
            if found is None or self._clock() - found.used > LASTS:
                return None
            found.used = self._clock()
            return found

    def end(self, name: str | None) -> None:
        """Forget a session."""
        with self._lock:
            self._known.pop(name or "", None)

    def _forget_old(self) -> None:
        now = self._clock()
        for name in [one for one, held in self._known.items() if now - held.used > LASTS]:
            del self._known[name]
        for name in sorted(self._known, key=lambda one: self._known[one].used)[: max(len(self._known) - _MOST, 0)]:
            del self._known[name]


def same_token(session: Session, sent: str) -> bool:
    """Whether a form came from a page of this session."""
    return hmac.compare_digest(session.token.encode(), sent.encode())
