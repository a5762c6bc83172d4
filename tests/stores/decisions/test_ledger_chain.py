"""Whoever can write to the database can drop its guards: the chain must show what was done then."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError, IntegrityError

from pipelines.core.errors import Unavailable
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.decisions.ledger_chain import GENESIS, SEALED, Chain, link, read_chain
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.ledger_tables import Entry, decisions, seals

AT = datetime(2024, 5, 1, 12, tzinfo=UTC)
TABLES = ("decisions", "seals")
GUARDS = {
    "sqlite": [f"DROP TRIGGER {table}_no_{verb}" for table in TABLES for verb in ("update", "delete")],
    "postgresql": [f"DROP TRIGGER {table}_append_only ON {table}" for table in TABLES],
}


@pytest.fixture
def url(database: str) -> str:
    return database


@pytest.fixture
def tamper(url: str) -> Callable[..., None]:
    """Somebody with a database client."""
    return lambda *statements: say(url, *GUARDS[url.split(":")[0].split("+")[0]], *statements)


def say(url: str, *statements: str) -> None:
    engine = open_database(url)
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


@pytest.fixture
def five(url: str) -> Iterator[list[Entry]]:
    """A ledger of five entries."""
    ledger = Ledger(url)
    yield [record(ledger, f"k{number}", number) for number in range(1, 6)]
    ledger.close()


def record(ledger: Ledger, key: str, version: int, **more: Any) -> Entry:
    evidence = {"metric": 0.1 + 0.2, "nested": {"b": [1, None, 1e-300], "a": "ü"}, "pair": (1, 2.0)}
    facts: dict[str, Any] = {"kind": "release", "outcome": "keep", "reasons": ["so"], "evidence": evidence}
    return ledger.record(key, at=AT, problem="p", version=version, **{**facts, **more})


def chain_of(url: str) -> Chain:
    found = read_chain(url)
    assert found is not None
    return found


def broken(url: str) -> list[tuple[int | None, str]]:
    return [(one.entry, one.what) for one in chain_of(url).breaks]


def test_every_entry_follows_the_one_before(url: str, five: list[Entry]) -> None:
    chain = chain_of(url)
    assert (len(chain.seals), chain.breaks) == (5, [])
    assert [seal.digest for seal in chain.seals] == [entry.digest for entry in five]
    expected = GENESIS
    for entry in five:
        expected = link(expected, entry)
        assert entry.digest == expected


@pytest.mark.parametrize(
    "change",
    [
        "outcome = 'promote'",
        "version = 7",
        "version = NULL",
        "actor = 'somebody else'",
        "at = '2024-04-01 12:00:00.000000'",
        "key = 'k9'",
        "problem = 'q'",
        "run_id = 'r'",
        "reasons = '[\"so!\"]'",
        "evidence = replace(evidence, '1e-300', '2e-300')",
    ],
)
def test_a_changed_entry_is_named(url: str, five: list[Entry], tamper: Callable[..., None], change: str) -> None:
    if url.startswith("postgresql"):
        change = change.replace(
            "replace(evidence, '1e-300', '2e-300')", "replace(evidence::text, '1e-300', '2e-300')::json"
        )
    tamper(f"UPDATE decisions SET {change} WHERE id = 3")
    assert broken(url) == [(3, "it is not what was recorded")]


@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_deleted_entry_is_named(url: str, five: list[Entry], tamper: Callable[..., None], number: int) -> None:
    tamper(f"DELETE FROM decisions WHERE id = {number}")
    assert broken(url) == [(number, "it was deleted")]


def test_an_entry_deleted_with_its_seal_leaves_a_gap(url: str, five: list[Entry], tamper: Callable[..., None]) -> None:
    tamper("DELETE FROM decisions WHERE id = 3", "DELETE FROM seals WHERE decision = 3")
    assert broken(url) == [(4, "it does not follow the entry that was before it")]


def test_an_inserted_entry_is_named(url: str, five: list[Entry], tamper: Callable[..., None]) -> None:
    names = "at, problem, kind, outcome, version, run_id, actor, reasons, evidence"
    tamper(f"INSERT INTO decisions (key, {names}) SELECT 'made up', {names} FROM decisions WHERE id = 2")
    assert broken(url) == [(6, "it was put in past the ledger: it has no seal")]


def test_a_seal_that_was_adapted_does_not_fit_the_next(
    url: str, five: list[Entry], tamper: Callable[..., None]
) -> None:
    forged = link(five[1].digest or "", Entry(**{**vars(five[2]), "outcome": "promote"}))
    tamper(
        "UPDATE decisions SET outcome = 'promote' WHERE id = 3", f"UPDATE seals SET digest = '{forged}' WHERE id = 3"
    )
    assert broken(url) == [(4, "it does not follow the entry that was before it")]


@pytest.mark.parametrize("change", ["recorded_at = '2020-01-01 00:00:00.000000'", "later = true", "previous = 'x'"])
def test_what_a_seal_says_is_sealed_too(url: str, five: list[Entry], tamper: Callable[..., None], change: str) -> None:
    tamper(f"UPDATE seals SET {change} WHERE decision = 3")
    assert broken(url)[-1] == (3, "it is not what was recorded")


@pytest.mark.parametrize("verb", ["UPDATE seals SET digest = 'x'", "DELETE FROM seals"])
def test_the_database_refuses_to_change_a_seal(five: list[Entry], url: str, verb: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"):
        say(url, verb)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_ledger_from_before_the_chain_is_sealed_as_it_is_found(
    url: str, five: list[Entry], tamper: Callable[..., None]
) -> None:
    say(url, "DROP TABLE seals", "DROP TABLE ratchet_schema")
    assert chain_of(url) == Chain()  # looking alone seals nothing
    clock = datetime(2026, 1, 1, tzinfo=UTC)
    for _ in range(2):
        ledger = Ledger(url, clock=lambda: clock)
        record(ledger, "k6", 6)
        ledger.close()
    chain = chain_of(url)
    assert ([seal.later for seal in chain.seals], chain.breaks) == ([True] * 5 + [False], [])
    ledger = Ledger(url)
    old = ledger.find("k1")
    assert old is not None
    assert (old.later, old.recorded_at, old.at) == (True, clock, AT)
    ledger.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_where_there_is_no_ledger_there_is_no_chain(url: str, tmp_path: Path) -> None:
    assert read_chain(url) is None
    (tmp_path / "ratchet.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(Unavailable, match="cannot be read"):
        read_chain(url)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@hypothesis_settings(max_examples=25)
@given(evidence=st.dictionaries(st.text(), json_values, max_size=3), reasons=st.lists(st.text(), max_size=2))
def test_whatever_is_recorded_fits_its_seal(
    fresh: Callable[[], str], evidence: dict[str, Any], reasons: list[str]
) -> None:
    url = fresh()
    ledger = Ledger(url)
    entry = record(ledger, "k", 1, evidence=evidence, reasons=reasons)
    ledger.close()
    assert (entry.evidence, entry.reasons) == (evidence, reasons)
    assert broken(url) == []


def _write(url: str, number: int) -> None:
    ledger = Ledger(url)
    for turn in range(20):
        record(ledger, f"{number}-{turn}", turn)
        record(ledger, f"same-{turn}", turn)
    ledger.close()


def test_processes_that_record_at_once_keep_one_chain(url: str) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write, args=(url, number)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    chain = chain_of(url)
    assert (len(chain.seals), chain.breaks) == (80, [])


def test_two_that_follow_one_seal_cannot_both_be_written(url: str, five: list[Entry]) -> None:
    """What keeps writers that do not wait for each other from forking the chain."""
    values = f"(9, '{five[3].digest}', 'x', '2024-01-01', false)"
    with pytest.raises(IntegrityError, match=r"seals.previous"):
        say(url, f"INSERT INTO seals (decision, previous, digest, recorded_at, later) VALUES {values}")


def test_statements_are_postgresql_too() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    made = str(insert(seals).values(decision=1).returning(seals.c.id).compile(dialect=dialect))
    assert "RETURNING seals.id" in made
    stray = select(decisions.c.id).outerjoin(seals, seals.c.decision == decisions.c.id).where(seals.c.id.is_(None))
    for query in (SEALED, stray):
        assert "LEFT OUTER JOIN seals" in str(query.compile(dialect=dialect))
