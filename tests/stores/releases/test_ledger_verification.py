"""What a chain alone cannot show is shown by what home, registry and keys know of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.core.settings import Settings
from pipelines.stores.bundles.bundle import write_bundle
from pipelines.stores.bundles.release_info import LEDGER
from pipelines.stores.bundles.signing import create_keys
from pipelines.stores.decisions.ledger import Ledger, open_ledger
from pipelines.stores.decisions.ledger_heads import FILE
from pipelines.stores.registry.registry import Registry
from pipelines.stores.releases.ledger_verification import verify_ledger
from pipelines.stores.releases.standing import settle

AT = datetime(2024, 5, 1, tzinfo=UTC)


def decide(ledger: Ledger, version: int, outcome: str = "promote", kind: str = "release") -> None:
    ledger.record(f"{kind} {version}", at=AT, problem="p", kind=kind, outcome=outcome, version=version)


@pytest.fixture
def three(settings: Settings) -> Iterator[Ledger]:
    """Three entries, noted in home."""
    ledger = open_ledger(settings)
    for version in (1, 2, 3):
        decide(ledger, version)
    yield ledger
    ledger.close()


def tamper(settings: Settings, *statements: str) -> None:
    with closing(sqlite3.connect(settings.home / "ratchet.db")) as connection, connection:
        for table in ("decisions", "seals"):
            for verb in ("update", "delete"):
                connection.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb}")
        for statement in statements:
            connection.execute(statement)


def what(settings: Settings) -> list[str]:
    found = verify_ledger(settings)
    assert found.intact is (not found.breaks)
    return [one.what for one in found.breaks]


def test_no_ledger_is_no_tampering_and_none_is_made(settings: Settings) -> None:
    found = verify_ledger(settings)
    assert (found.intact, found.entries, found.head) == (True, 0, None)
    assert not settings.home.exists()


def test_an_untouched_ledger_is_intact(settings: Settings, three: Ledger) -> None:
    found = verify_ledger(settings)
    assert (found.intact, found.entries, found.sealed_later, found.signed, found.remarks) == (True, 3, 0, 0, [])


def test_a_missing_end_is_seen_by_the_head_in_home(settings: Settings, three: Ledger) -> None:
    tamper(settings, "DELETE FROM decisions WHERE id = 3", "DELETE FROM seals WHERE decision = 3")
    (told,) = what(settings)
    assert "the ledger's end was cut off" in told
    (settings.home / FILE).unlink()
    found = verify_ledger(settings)
    assert found.intact
    assert "a missing end would not be seen" in found.remarks[0]


def test_an_emptied_ledger_is_seen(settings: Settings, three: Ledger) -> None:
    tamper(settings, "DELETE FROM decisions", "DELETE FROM seals")
    assert "the ledger was emptied" in what(settings)[0]
    three.close()
    (settings.home / "ratchet.db").unlink()
    assert "the ledger was emptied" in what(settings)[0]


def test_a_ledger_made_anew_is_seen(settings: Settings, three: Ledger) -> None:
    tamper(settings, "DELETE FROM seals", "DELETE FROM decisions WHERE id = 2")
    Ledger(settings.database).close()  # seals what it finds
    found = verify_ledger(settings)
    assert "2 entries are older than the chain" in found.remarks[0]
    assert not found.intact
    again = Ledger(settings.database)
    for version in (4, 5, 6, 7):
        decide(again, version)
    again.close()
    assert "the ledger was made anew" in what(settings)[0]


def test_a_version_carries_the_digest_of_the_decision_on_it(settings: Settings, three: Ledger, tmp_path: Path) -> None:
    registry = Registry(settings)
    for number in "12":
        (tmp_path / number).mkdir()
        (tmp_path / number / "model.skops").write_text(number)
        write_bundle(tmp_path / number, {"release.json": {"number": number}}, {})
        run = registry.start_run("p", number)
        assert registry.register("p", run, tmp_path / number, "digest", number) == int(number)
    entry = three.release_entry("p", 2)
    assert entry is not None
    settle(settings, three, registry, entry, tmp_path / "no history")
    assert registry.release("p", 2).tags[LEDGER] == entry.digest
    found = verify_ledger(settings)
    assert (found.intact, found.tagged) == (True, 1)
    assert found.remarks == ["1 of 2 versions carry no digest of the ledger"]

    other = three.release_entry("p", 3)
    assert other is not None
    registry.set_tag("p", 2, LEDGER, other.digest or "")
    assert what(settings) == ["version 2 of p carries the digest of another decision"]

    # Everything rewritten, head and all: the registry still knows what was decided on version 2.
    registry.set_tag("p", 2, LEDGER, entry.digest or "")
    tamper(settings, "UPDATE decisions SET actor = 'Eve'", "DELETE FROM seals")
    (settings.home / FILE).unlink()
    Ledger(settings.database).close()
    (told,) = what(settings)
    assert "version 2 of p carries the digest" in told
    assert "that is not in the ledger" in told


def test_signatures_cannot_be_forged(settings: Settings, tmp_path: Path) -> None:
    private, public = create_keys(tmp_path / "keys")
    writing = settings.model_copy(update={"signing_key": private})
    reading = settings.model_copy(update={"verify_key": public})
    plain, signed = Ledger(settings.database), open_ledger(writing)
    decide(plain, 1)
    assert what(reading) == ["neither it nor anything after it is signed, and RATCHET_VERIFY_KEY is set"]
    decide(signed, 2)  # covers everything before it
    plain.record("key", at=AT, problem="", kind="key", outcome="create")  # of a process that has no key
    found = verify_ledger(reading)
    assert (found.intact, found.signed) == (True, 1)
    assert "1 signatures were not checked" in verify_ledger(settings).remarks[-1]
    decide(plain, 3)
    assert [one.key for one in verify_ledger(reading).breaks] == ["release 3"]
    decide(signed, 4)
    assert verify_ledger(reading).intact
    other, _ = create_keys(tmp_path / "others")
    stranger = open_ledger(settings.model_copy(update={"signing_key": other}))
    decide(stranger, 5)
    assert what(reading)[0] == "its signature does not fit"
    for ledger in (plain, signed, stranger):
        ledger.close()
