from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.core.settings import Settings
from pipelines.stores.api_keys import ApiKeys, KeyRing
from services.prediction.guarding.guard import LOCAL, Guard
from services.prediction.guarding.rate_limits import RateLimits
from services.prediction.refusals import Refusal

AT = datetime(2026, 3, 1, tzinfo=UTC)


class Room:
    """A database of keys, and guards over it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.keys = ApiKeys(settings.database)
        self.now = AT.timestamp()
        self.rings: list[KeyRing] = []

    def key(self, name: str, *scopes: str, **options: Any) -> bytes:
        return self.keys.create(name, scopes, at=AT, by="Ada", **options)[1].encode()

    def guard(self, **changes: Any) -> Guard:
        settings = self.settings.model_copy(update=changes)
        ring = KeyRing(settings)
        ring.refresh()
        self.rings.append(ring)
        return Guard(settings, ring, RateLimits(settings.workers, lambda: self.now), lambda: self.now)


@pytest.fixture
def room(settings: Settings) -> Iterator[Room]:
    made = Room(settings)
    yield made
    made.keys.close()
    for ring in made.rings:
        ring.close()


def bearer(key: bytes) -> dict[str, Any]:
    return {"headers": [(b"host", b"x"), (b"authorization", b"Bearer " + key)]}


NOTHING: dict[str, Any] = {"headers": [(b"host", b"x")]}


def refused(guard: Guard, scope: dict[str, Any], wanted: str = "predict") -> Refusal:
    with pytest.raises(Refusal) as caught:
        guard.admit(scope, wanted)
    return caught.value


def test_on_loopback_nobody_is_asked_but_what_is_sent_is_checked(room: Room) -> None:
    key = room.key("shop", "predict")
    guard = room.guard()
    assert guard.admit(NOTHING, "admin") is LOCAL
    assert guard.admit(bearer(key), "predict").name == key.split(b"_")[1].decode()
    assert refused(guard, bearer(b"rk_wrong")).status == 401
    assert refused(guard, bearer(key), "label").status == 403
    basic = {"headers": [(b"authorization", b"Basic dXNlcjpwYXNz")]}
    assert guard.admit(basic, "predict") is LOCAL, "somebody else's way to authenticate is not ours to judge"
    browser = {"headers": [(b"authorization", b"Basic " + base64.b64encode(b"me:" + key))]}
    assert guard.admit(browser, "predict").name == key.split(b"_")[1].decode()


@pytest.mark.parametrize("change", [{"require_keys": "always"}, {"host": "0.0.0.0"}, {"host": ""}, {"host": "::"}])
def test_elsewhere_a_key_is_needed(room: Room, change: dict[str, str]) -> None:
    key = room.key("shop", "predict", "label")
    guard = room.guard(**change)
    assert refused(guard, NOTHING).status == 401
    assert refused(guard, {"headers": [(b"authorization", b"Basic dXNlcjpwYXNz")]}).status == 401
    assert guard.admit(NOTHING, "open") is LOCAL
    assert guard.admit(bearer(key), "label").scopes == {"predict", "label"}
    assert guard.admit({"headers": [(b"x-api-key", key)]}, "predict")
    assert guard.admit({"headers": [(b"authorization", b"bEARER  " + key)]}, "predict")


@pytest.mark.parametrize("wrong", [b"", b" ", b"rk_", b"\xff\xfe", b"x" * 10_000])
def test_what_is_no_key_is_refused_without_an_echo(room: Room, wrong: bytes) -> None:
    error = refused(room.guard(require_keys="always"), bearer(wrong))
    assert error.status == 401
    if wrong.strip():
        assert repr(wrong)[2:-1] not in str(error)


def test_every_character_counts(room: Room) -> None:
    key = room.key("shop", "predict")
    guard = room.guard(require_keys="always")
    for other in (key[:-1], key + b"x", key.swapcase(), key[:-1] + (b"a" if key[-1:] != b"a" else b"b")):
        assert refused(guard, bearer(other)).status == 401


def test_the_missing_scope_is_named_and_admin_has_them_all(room: Room) -> None:
    reader, boss = room.key("reader", "read"), room.key("boss", "admin")
    guard = room.guard(require_keys="always")
    error = refused(guard, bearer(reader))
    assert (error.status, "'predict'" in str(error)) == (403, True)
    for wanted in ("predict", "label", "read", "admin"):
        assert guard.admit(bearer(boss), wanted)


def test_a_key_expires(room: Room) -> None:
    key = room.key("shop", "predict", lifetime=timedelta(hours=1))
    guard = room.guard(require_keys="always")
    room.now += 3599
    assert guard.admit(bearer(key), "predict")
    room.now += 1
    assert refused(guard, bearer(key)).status == 401


def test_a_key_has_its_rate_and_is_told_when_to_come_back(room: Room) -> None:
    key, other = room.key("shop", "predict", rate=2.0), room.key("other", "predict")
    guard = room.guard(require_keys="always")
    for _ in range(2):
        assert guard.admit(bearer(key), "predict")
    error = refused(guard, bearer(key))
    assert (error.status, error.retry_after) == (429, 1)
    for _ in range(50):
        assert guard.admit(bearer(other), "predict")
    room.now += 1.0
    assert guard.admit(bearer(key), "predict")


def test_while_keys_cannot_be_read_nobody_is_called_unknown(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    (settings.home / "ratchet.db").mkdir()
    ring = KeyRing(settings).start()
    error = refused(Guard(settings.model_copy(update={"require_keys": "always"}), ring), bearer(b"rk_a_b"))
    assert (error.status, error.retry_after) == (503, 1)
    ring.close()
