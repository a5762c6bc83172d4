from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.bundles.signing import create_keys
from pipelines.stores.decisions.ledger import Ledger, open_ledger
from pipelines.stores.decisions.ledger_chain import Head, read_chain
from pipelines.stores.decisions.ledger_heads import read_heads
from pipelines.stores.sql.database import open_database

AT = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def url(database: str) -> str:
    return database


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    opened = Ledger(url)
    yield opened
    opened.close()


def record(ledger: Ledger, key: str, **values: Any) -> Any:
    return ledger.record(key, **{"at": AT, "problem": "p", "kind": "release", "outcome": "keep", **values})


def test_a_decision_is_kept_as_it_was_first_recorded(ledger: Ledger) -> None:
    first = record(ledger, "k", version=1, run_id="r", reasons=["so"], evidence={"a": [1, None]}, actor="Ada")
    assert record(ledger, "k", version=2, outcome="promote", reasons=[]) == first
    assert ledger.find("k") == first
    assert (first.at, first.actor, first.reasons, first.evidence) == (AT, "Ada", ["so"], {"a": [1, None]})
    assert ledger.find("other") is None


def test_moments_are_utc_at_both_ends(ledger: Ledger) -> None:
    east = datetime(2024, 5, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    assert record(ledger, "k", at=east).at == AT
    assert record(ledger, "naive", at=AT.replace(tzinfo=None)).at == AT


def test_entries_come_newest_first_by_problem_and_kind(ledger: Ledger) -> None:
    for number in range(5):
        record(ledger, f"k{number}", problem="pq"[number % 2], kind="verdict" if number == 4 else "release")
    assert [one.key for one in ledger.entries()] == ["k4", "k3", "k2", "k1", "k0"]
    assert [one.key for one in ledger.entries("p")] == ["k4", "k2", "k0"]
    assert [one.key for one in ledger.entries("p", "release")] == ["k2", "k0"]
    assert [one.key for one in ledger.entries(limit=1)] == ["k4"]


def test_moves_are_what_made_a_champion(ledger: Ledger) -> None:
    record(ledger, "a", outcome="promote", version=1)
    record(ledger, "b", outcome="keep", version=2)
    record(ledger, "c", outcome="promote", version=3)
    record(ledger, "d", outcome="roll_back", version=1, kind="roll_back")
    assert [one.key for one in ledger.moves("p")] == ["d", "c", "a"]


@pytest.mark.parametrize("change", ["UPDATE decisions SET outcome = 'promote'", "DELETE FROM decisions"])
def test_the_database_refuses_to_change_a_decision(ledger: Ledger, url: str, change: str) -> None:
    before = record(ledger, "k")
    engine = open_database(url)
    with engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.exec_driver_sql(change)
    engine.dispose()
    assert ledger.find("k") == before


@hypothesis_settings(max_examples=15)
@given(said=st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["promote", "keep"])), max_size=12))
def test_a_key_is_written_once_and_order_is_kept(fresh: Callable[[], str], said: list[tuple[str, str]]) -> None:
    ledger = Ledger(fresh())
    seen: dict[str, str] = {}
    for key, outcome in said:
        assert record(ledger, key, outcome=outcome).outcome == seen.setdefault(key, outcome)
        assert [(one.key, one.outcome) for one in reversed(ledger.entries())] == list(seen.items())
    ledger.close()


def test_the_champion_of_a_moment_goes_by_the_decisions_own_clock(ledger: Ledger) -> None:
    for day, version in enumerate((1, 2, 3)):
        record(ledger, f"r{version}", at=AT + timedelta(days=day), outcome="promote", version=version)
    record(ledger, "late", at=AT + timedelta(days=1, hours=1), outcome="promote", version=4)  # of a replay of the past

    def champion(days: float) -> int | None:
        found = ledger.champion_at("p", AT + timedelta(days=days))
        return None if found is None else found.version

    assert [champion(days) for days in (-1, 0, 0.5, 1, 1.5, 2, 9)] == [None, 1, 1, 2, 4, 4, 4]
    assert ledger.champion_at("other", AT) is None


def test_approved_makes_a_champion_and_awaiting_and_declined_do_not(ledger: Ledger) -> None:
    record(ledger, "r", outcome="awaiting_approval", version=1)
    record(ledger, "a", kind="approval", outcome="declined", version=1)
    assert ledger.moves("p") == []
    record(ledger, "b", kind="approval", outcome="approved", version=2)
    assert [one.version for one in ledger.moves("p")] == [2]
    word, judged = ledger.last_word("p", 1), ledger.release_entry("p", 1)
    assert word is not None
    assert judged is not None
    assert (word.key, judged.key, ledger.release_entry("p", 2)) == ("a", "r", None)


def test_an_entry_has_the_wall_clock_beside_its_own(url: str) -> None:
    noted: list[Head] = []
    wall = AT + timedelta(days=1000)
    ledger = Ledger(url, clock=lambda: wall, note=noted.append)
    first, again = record(ledger, "k"), record(ledger, "k")
    assert (first, first.at, first.recorded_at, first.later) == (again, AT, wall, False)
    assert noted == [Head(1, first.digest or "")]
    ledger.close()


def test_a_database_that_does_not_answer_is_told(ledger: Ledger, url: str) -> None:
    engine = open_database(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE seals")
    engine.dispose()
    with pytest.raises(Unavailable, match="does not answer"):
        ledger.find("k")


def test_a_home_has_its_ledger(settings: Settings, tmp_path: Path) -> None:
    private, _ = create_keys(tmp_path / "keys")
    ledger = open_ledger(settings.model_copy(update={"signing_key": private}))
    entry = record(ledger, "k")
    assert read_heads(settings.home)["ratchet.db"].digest == entry.digest
    chain = read_chain(settings.database)
    assert chain is not None
    assert [bool(one.signature) for one in chain.seals] == [True]
    assert ledger.problems() == ["p"]
    ledger.close()
