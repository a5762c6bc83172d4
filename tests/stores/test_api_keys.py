from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.core.errors import NotFound, ProblemError
from pipelines.core.settings import Settings
from pipelines.stores.api_keys import ApiKeys, KeyRing, digest_of
from pipelines.stores.sql.database import open_database

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def keys(settings: Settings) -> Iterator[ApiKeys]:
    opened = ApiKeys(settings.database)
    yield opened
    opened.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_key_is_shown_once_and_kept_as_a_digest(keys: ApiKeys, settings: Settings) -> None:
    made, secret = keys.create("shop", ["label", "predict"], at=AT, by="Ada", rate=5.0, lifetime=timedelta(days=90))
    assert re.fullmatch(r"rk_[A-Za-z0-9]{12}_[A-Za-z0-9]{43}", secret)
    assert made.scopes == ("predict", "label")
    assert made.expires_at == AT + timedelta(days=90)
    assert keys.all() == [made]
    held = b"".join(path.read_bytes() for path in settings.home.glob("ratchet.db*"))
    assert digest_of(secret.encode()).hex().encode() in held
    assert secret.split("_")[2].encode() not in held


def test_secrets_differ(keys: ApiKeys) -> None:
    made = {keys.create(f"k{number}", ["read"], at=AT, by="Ada")[1] for number in range(20)}
    assert len(made) == 20


@pytest.mark.parametrize("scopes", [[], ["predict", "everything"]])
def test_scopes_are_known_ones(keys: ApiKeys, scopes: list[str]) -> None:
    with pytest.raises(ProblemError, match="choose from predict, label, read, admin"):
        keys.create("shop", scopes, at=AT, by="Ada")


def test_a_name_is_one_key_at_a_time(keys: ApiKeys) -> None:
    first, _ = keys.create("shop", ["read"], at=AT, by="Ada")
    with pytest.raises(ProblemError, match="revoke shop"):
        keys.create("shop", ["read"], at=AT, by="Ada")
    assert keys.revoke("shop", at=AT).revoked_at == AT
    second, _ = keys.create("shop", ["read"], at=AT + timedelta(hours=1), by="Ada")
    assert keys.revoke("shop", at=AT + timedelta(hours=2)).id == second.id
    again = keys.revoke(first.id, at=AT + timedelta(hours=3))
    assert again.revoked_at == AT, "what was revoked stays as it was"
    with pytest.raises(NotFound, match="nobody"):
        keys.revoke("nobody", at=AT)


def test_only_keys_in_force_are_known(keys: ApiKeys) -> None:
    _, gone = keys.create("gone", ["read"], at=AT, by="Ada")
    _, all_of_it = keys.create("boss", ["admin"], at=AT, by="Ada", lifetime=timedelta(seconds=10))
    keys.revoke("gone", at=AT)
    known = keys.in_force()
    assert digest_of(gone.encode()) not in known
    boss = known[digest_of(all_of_it.encode())]
    assert boss.caller_scopes == {"predict", "label", "read", "admin"}
    assert boss.expires == AT.timestamp() + 10


def test_several_processes_may_make_the_table_at_once(settings: Settings) -> None:
    stores = [ApiKeys(settings.database) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda store: store.all(), stores))
    for store in stores:
        store.close()
    assert found == [[]] * 4


def test_the_ring_follows_within_a_second(keys: ApiKeys, settings: Settings) -> None:
    ring = KeyRing(settings.model_copy(update={"poll_seconds": 60.0})).start()
    try:
        assert ring.reached
        _, secret = keys.create("shop", ["read"], at=AT, by="Ada")
        assert _within_a_second(lambda: ring.find(digest_of(secret.encode())) is not None)
        keys.revoke("shop", at=AT)
        assert _within_a_second(lambda: ring.find(digest_of(secret.encode())) is None)
    finally:
        ring.close()


def test_the_ring_looks_again_when_it_is_asked_to(keys: ApiKeys, settings: Settings) -> None:
    ring = KeyRing(settings.model_copy(update={"poll_seconds": 60.0})).start()
    try:
        ring.renewed().result(timeout=5)
        for number in range(3):  # a look of its own for each, far sooner than the ring would look by itself
            made = keys.create(f"app {number}", ["predict"], at=AT, by="Ada")[1]
            ring.renewed().result(timeout=5)
            assert ring.find(digest_of(made.encode()))
        assert ring.renewed() is ring.renewed(), "one look serves all who ask"
    finally:
        ring.close()


def test_the_ring_keeps_what_it_knows_while_the_database_is_away(keys: ApiKeys, settings: Settings) -> None:
    _, secret = keys.create("shop", ["read"], at=AT, by="Ada")
    ring, engine = KeyRing(settings), open_database(settings.database)
    ring.refresh()
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE api_keys RENAME TO away")
    ring.refresh()
    assert ring.find(digest_of(secret.encode())) is not None
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO api_keys")
    keys.revoke("shop", at=AT)
    ring.refresh()
    assert ring.find(digest_of(secret.encode())) is None
    ring.close()
    engine.dispose()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_ring_that_never_reached_its_database_says_so(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    (settings.home / "ratchet.db").mkdir()
    ring = KeyRing(settings).start()
    assert (ring.reached, ring.count) == (False, 0)
    ring.close()


def test_where_keys_are_needed_and_none_exists_the_log_says_how_to_make_one(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        KeyRing(settings).start().close()
        assert caplog.text == ""
        KeyRing(settings.model_copy(update={"require_keys": "always"})).start().close()
    assert "ratchet keys create" in caplog.text


def _within_a_second(true: object) -> bool:
    assert callable(true)
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.02)
    return False
