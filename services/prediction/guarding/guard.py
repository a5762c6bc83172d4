"""Who may ask for what: one look-up by the digest of the key that was sent."""

from __future__ import annotations

import asyncio
import base64
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.core.exposure import keys_required
from pipelines.core.settings import Settings
from pipelines.stores.api_keys import SCOPES, KeyRing, digest_of
from services.prediction.guarding.rate_limits import RateLimits
from services.prediction.refusals import Refusal

_LONGEST = 200  # characters: a key has 59
_MOST_STRANGERS = 50  # that wait at one time: a flood of wrong keys is refused at once and takes nobody's place
_PATIENCE = 1.0  # seconds that a stranger waits for the database
_ADVICE = "send Authorization: Bearer KEY or X-API-Key: KEY"


@dataclass(slots=True)  # frozen would double what it costs to make one per request
class Caller:
    """Who asks: a key's public id, or `local` where no key is needed; and what it may do."""

    name: str
    scopes: frozenset[str]


LOCAL = Caller("local", frozenset(SCOPES))


@dataclass(slots=True)
class Credential:
    """What a request shows of its key: the digest (None where it is none of ours for its length alone)."""

    digest: bytes | None
    ours: bool
    """Whether it looks like a key that this service could know."""


class Stranger(Refusal):
    """A 401 for a key that may have been made a moment ago: `Guard.look_again` before it is told."""


class Guard:
    """Admits requests, or refuses them with 401 (which key?), 403 (not with this one) or 429 (not so fast).

    Keys are asked for as soon as the service can be reached from elsewhere, or always by RATCHET_REQUIRE_KEYS=always;
    no setting switches that off. Where none is needed, one that is sent is still checked: a wrong key is never ignored.
    """

    def __init__(
        self,
        settings: Settings,
        keys: KeyRing,
        limits: RateLimits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.required = keys_required(settings)
        self._keys, self._clock = keys, clock
        self._strangers = 0
        self._limits = limits or RateLimits(settings.workers)

    def admit(self, scope: Mapping[str, Any], wanted: str) -> Caller:
        """Who sent this ASGI request; raises Refusal unless its key has the scope `wanted` (`open` asks for none).

        The keys in memory may be half a second old: a Stranger is worth a second look.
        """
        return LOCAL if wanted == "open" else self.admit_by(credential_of(scope), wanted)

    def admit_by(self, shown: Credential | None, wanted: str) -> Caller:
        """The same where the request's key was read already; None: it has none."""
        if shown is None:
            if self.required:
                raise self._unknown("an API key is needed: " + _ADVICE)
            return LOCAL
        key = None if shown.digest is None else self._keys.find(shown.digest)
        if key is None or (key.expires is not None and self._clock() >= key.expires):
            how = Stranger if key is None and shown.ours else Refusal
            raise self._unknown("this API key is not known, or it has expired or was revoked: ask for a new one", how)
        if wanted not in key.caller_scopes:
            detail = f"this API key lacks the scope {wanted!r}: ask for a key that has it"
            raise Refusal(403, "forbidden", "Not with this key", detail)
        if key.rate is not None:
            wait = self._limits.take(key.id, key.rate)
            if wait:
                detail = f"this API key may send {key.rate:g} requests per second: slow down"
                raise Refusal(429, "too-fast", "Too many requests", detail, math.ceil(wait))
        return Caller(key.id, key.caller_scopes)

    async def look_again(self) -> None:
        """Wait until the keys in memory are those of now; no longer than a second, and not behind a crowd."""
        if self._strangers >= _MOST_STRANGERS:
            return
        self._strangers += 1
        try:
            await asyncio.wait([asyncio.wrap_future(self._keys.renewed())], timeout=_PATIENCE)
        finally:
            self._strangers -= 1

    def _unknown(self, detail: str, how: type[Refusal] = Refusal) -> Refusal:
        if not self._keys.reached:  # it may well be known: that cannot be told now
            return Refusal(503, "keys-unavailable", "Not available now", "API keys cannot be checked now", 1)
        return how(401, "unauthorized", "Who is asking?", detail)


def credential_of(scope: Mapping[str, Any]) -> Credential | None:
    """What an ASGI request shows of its key, ready to be looked up; None where it has none.

    >>> credential_of({"headers": [(b"x-api-key", b"rk_1_2")]}).ours
    True
    """
    sent = _sent_key(scope)
    return None if sent is None else Credential(digest_of(sent) if len(sent) <= _LONGEST else None, sent[:3] == b"rk_")


def _sent_key(scope: Mapping[str, Any]) -> bytes | None:
    """The key of `Authorization: Bearer` (or Basic, as its password: browsers can send that), else of X-API-Key."""
    other = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            if value[:7].lower() == b"bearer ":
                sent: bytes = value[7:].strip()
                return sent
            if value[:6].lower() == b"basic " and (password := _password(value[6:])).startswith(b"rk_"):
                return password
        elif name == b"x-api-key":
            other = value
    return other


def _password(encoded: bytes) -> bytes:
    """The password of Basic authentication (RFC 7617); nothing where it cannot be read."""
    try:
        return base64.b64decode(encoded.strip(), validate=True).partition(b":")[2]
    except ValueError:
        return b""
