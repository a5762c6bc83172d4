"""API keys: made once and shown once, kept as digests, and the ring of them that the service looks into.

A key is `rk_<public id>_<secret>`; the secret has 256 random bits. Only the SHA-256 of the whole key is stored. Slow
hashes (bcrypt, argon2) are for passwords, which can be guessed: nobody guesses 256 random bits, however fast each
guess is, and a slow hash would cost more than the prediction that it guards.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import string
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from pipelines.core.errors import NotFound, ProblemError, Unavailable
from pipelines.core.exposure import keys_required
from pipelines.core.settings import Settings
from pipelines.stores.sql.database import answering, open_database
from pipelines.stores.sql.key_tables import KEYS
from pipelines.stores.sql.schema import ensure_schema

SCOPES = ("predict", "label", "read", "admin")
"""What a key may be for; `admin` includes the others."""

_log = logging.getLogger("ratchet.keys")
_ALPHABET = string.ascii_letters + string.digits
_SECRET = 43  # characters of 62: 256 bits
_MOST_WAIT = 0.5  # seconds between two looks at the keys: a revocation is in force within one
_LEAST_WAIT = 0.1  # seconds between two looks, however many strangers knock

_DATABASE = "the database of the API keys"
_ADVICE = "no API key exists, so requests are answered 401: make one with `ratchet keys create NAME --scope predict`"


@dataclass(frozen=True)
class ApiKey:
    """What is known of a key; the secret is not."""

    id: str
    name: str
    scopes: tuple[str, ...]
    rate: float | None
    """Requests per second; None: as many as it likes."""
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key in force, as the service needs it: every scope spelt out, `expires` in seconds since 1970."""

    id: str
    caller_scopes: frozenset[str]
    rate: float | None
    expires: float | None


def digest_of(key: bytes) -> bytes:
    """What of a key is kept and looked up."""
    return hashlib.sha256(key).digest()


class ApiKeys:
    """The keys in the database at `url`; the table is made on first use."""

    def __init__(self, url: str) -> None:
        self._engine = open_database(url)
        self._made = False

    def close(self) -> None:
        """Let go of the database's connections."""
        self._engine.dispose()

    def create(
        self,
        name: str,
        scopes: Iterable[str],
        *,
        at: datetime,
        by: str,
        rate: float | None = None,
        lifetime: timedelta | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key and its only appearance in clear; ProblemError when the name is in use."""
        key = ApiKey(
            _random(12), name, _checked(scopes), rate, at, by, None if lifetime is None else at + lifetime, None
        )
        secret = f"rk_{key.id}_{_random(_SECRET)}"
        row = vars(key) | {"scopes": ",".join(key.scopes), "digest": digest_of(secret.encode()).hex()}
        self._make_table()
        try:
            with answering(_DATABASE), self._engine.begin() as connection:
                connection.execute(sa.insert(KEYS).values(row))
        except IntegrityError:
            raise ProblemError(
                f"there is a key {name!r} already: choose another name, or `ratchet keys revoke {name}` first"
            ) from None
        return key, secret

    def all(self) -> list[ApiKey]:
        """Every key that was ever made, oldest first."""
        self._make_table()
        with answering(_DATABASE), self._engine.connect() as connection:
            return [_key(row) for row in connection.execute(sa.select(KEYS).order_by(KEYS.c.created_at, KEYS.c.id))]

    def revoke(self, name_or_id: str, *, at: datetime) -> ApiKey:
        """The key, revoked; one that was revoked before stays as it was. NotFound when there is none."""
        matching = [one for one in self.all() if name_or_id in (one.id, one.name)]
        found = next((one for one in matching if one.revoked_at is None), matching[-1] if matching else None)
        if found is None:
            raise NotFound(f"there is no key {name_or_id!r}: `ratchet keys list` shows them")
        change = sa.update(KEYS).where(KEYS.c.id == found.id, KEYS.c.revoked_at.is_(None)).values(revoked_at=at)
        with answering(_DATABASE), self._engine.begin() as connection:
            connection.execute(change)
        return next(one for one in self.all() if one.id == found.id)

    def in_force(self) -> dict[bytes, KnownKey]:
        """Every key that was not revoked, by its digest; those that have expired are told by their moment."""
        self._make_table()
        with answering(_DATABASE), self._engine.connect() as connection:
            rows = connection.execute(sa.select(KEYS).where(KEYS.c.revoked_at.is_(None))).all()
        return {bytes.fromhex(row.digest): _known(_key(row)) for row in rows}

    def _make_table(self) -> None:
        if self._made:
            return
        ensure_schema(self._engine)
        self._made = True


class KeyRing:
    """The keys in force, kept in memory; one thread renews them, and while the database is away they stay as they were.

    `reached` is False until the keys were read once: whether a key is known cannot be told before.
    """

    def __init__(self, settings: Settings) -> None:
        self._source, self._wait = ApiKeys(settings.database), min(settings.poll_seconds, _MOST_WAIT)
        self._required = keys_required(settings)
        self._known: dict[bytes, KnownKey] = {}
        self._lock, self._asked = threading.Lock(), Future[None]()
        self._stop, self._awake = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._follow, name="keys", daemon=True)
        self._away = False
        self.reached = False

    @property
    def count(self) -> int:
        """How many keys are in force, expired ones included."""
        return len(self._known)

    def start(self) -> KeyRing:
        """Read the keys, then follow them; says how to make one when there is none and one is needed."""
        self.refresh()
        if self._required and self.reached and not self.count:
            _log.warning(_ADVICE)
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop following."""
        self._stop.set()
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._source.close()

    def find(self, digest: bytes) -> KnownKey | None:
        """The key with this digest, if it is in force."""
        return self._known.get(digest)

    def renewed(self) -> Future[None]:
        """Done as soon as a look at the database that begins after this call has ended: soon, but not at any price."""
        with self._lock:
            asked = self._asked
        self._awake.set()
        return asked

    def refresh(self) -> None:
        """Look once at the database."""
        try:
            self._known = self._source.in_force()
        except (SQLAlchemyError, Unavailable) as error:
            if not self._away:
                _log.warning("the API keys cannot be read (%s): those known stay in force", type(error).__name__)
            self._away = True
            return
        if self._away:
            _log.info("the API keys can be read again")
        self._away, self.reached = False, True

    def _follow(self) -> None:
        looked = time.monotonic()
        while True:
            if self._awake.wait(self._wait):
                self._stop.wait(max(0.0, looked + _LEAST_WAIT - time.monotonic()))
            if self._stop.is_set():
                return
            with self._lock:
                asked, self._asked = self._asked, Future()
            self._awake.clear()
            self.refresh()
            looked = time.monotonic()
            asked.set_result(None)


def _checked(scopes: Iterable[str]) -> tuple[str, ...]:
    given = set(scopes)
    unknown = sorted(given - set(SCOPES))
    if unknown or not given:
        what = f"{unknown[0]!r} is no scope" if unknown else "a key needs a scope"
        raise ProblemError(f"{what}: choose from {', '.join(SCOPES)}")
    return tuple(one for one in SCOPES if one in given)


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _key(row: sa.Row[tuple[object, ...]]) -> ApiKey:
    fields = {name: getattr(row, name) for name in ApiKey.__dataclass_fields__}
    return ApiKey(**fields | {"scopes": tuple(fields["scopes"].split(","))})


def _known(key: ApiKey) -> KnownKey:
    scopes = frozenset(SCOPES if "admin" in key.scopes else key.scopes)
    return KnownKey(key.id, scopes, key.rate, None if key.expires_at is None else key.expires_at.timestamp())
