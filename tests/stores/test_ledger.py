from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import NotFound
from pipelines.stores.ledger import Ledger

AT = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ratchet.db'}"


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
def test_the_database_refuses_to_change_a_decision(ledger: Ledger, tmp_path: Path, change: str) -> None:
    before = record(ledger, "k")
    connection = sqlite3.connect(tmp_path / "ratchet.db")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(change)
    connection.close()
    assert ledger.find("k") == before


@settings(max_examples=15)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["promote", "keep"])), max_size=12))
def test_a_key_is_written_once_and_order_is_kept(tmp_path_factory: Any, said: list[tuple[str, str]]) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'l.db'}")
    seen: dict[str, str] = {}
    for key, outcome in said:
        assert record(ledger, key, outcome=outcome).outcome == seen.setdefault(key, outcome)
        assert [(one.key, one.outcome) for one in reversed(ledger.entries())] == list(seen.items())
    ledger.close()


def ask(ledger: Ledger, key: str, problem: str = "p") -> Any:
    return ledger.request(problem, key, reason="alarm", as_of=AT, at=AT, evidence={"verdict": "v"})


def test_one_request_is_in_flight_at_a_time(ledger: Ledger) -> None:
    first = ask(ledger, "k1")
    assert (first.new, first.state, first.as_of) == (True, "open", AT)
    second = ask(ledger, "k2")
    assert (second.id, second.new) == (first.id, False)
    assert ask(ledger, "k3", "q").new
    assert ledger.claim(first.id, AT, 60, "one")
    assert ask(ledger, "k2").id == first.id
    ended = ledger.finish(first.id, AT, "promote", {"version": 2})
    assert (ended.state, ended.outcome, ended.evidence) == ("done", "promote", {"verdict": "v", "version": 2})
    assert ask(ledger, "k1").id == first.id  # answered once, for ever
    assert ask(ledger, "k2").new
    assert [one.key for one in ledger.requests("p")] == ["k1", "k2"]
    assert [one.key for one in ledger.requests(states=["open"])] == ["k3", "k2"]


def test_a_claim_is_exclusive_until_its_lease_ends(ledger: Ledger) -> None:
    asked = ask(ledger, "k")
    assert ledger.claim(asked.id, AT, 60, "one")
    assert not ledger.claim(asked.id, AT + timedelta(seconds=59), 60, "two")
    assert ledger.claim(asked.id, AT + timedelta(seconds=59), 60, "one")  # renewed
    assert not ledger.claim(asked.id, AT + timedelta(seconds=100), 60, "two")
    assert ledger.claim(asked.id, AT + timedelta(seconds=119), 60, "two")  # the first one is taken for dead
    ledger.dispatched(asked.id, "flow-1")
    assert ledger.find_request(asked.id).holder == "two"
    assert ledger.finish(asked.id, AT, "gave up", state="failed").state == "failed"
    assert not ledger.claim(asked.id, AT + timedelta(days=1), 60, "three")
    assert ledger.finish(asked.id, AT, "promote").outcome == "gave up"  # what has ended stays
    assert ledger.find_request(asked.id).flow_run_id == "flow-1"
    with pytest.raises(NotFound, match="no request 99"):
        ledger.find_request(99)


def _compete(url: str, number: int, answers: Any) -> None:
    ledger = Ledger(url)
    made = [ledger.request("p", f"{number}-{turn}", reason="r", as_of=AT, at=AT) for turn in range(5)]
    won = ledger.claim(made[0].id, AT, 60, str(number))
    entry = ledger.record("same", at=AT, problem="p", kind="k", outcome=str(number))
    answers.put((sum(one.new for one in made), {one.id for one in made}, won, entry.outcome))
    ledger.close()


def test_processes_that_ask_at_once_get_one_request_and_one_claim(url: str) -> None:
    context = multiprocessing.get_context("spawn")  # the tables are made by whoever comes first, too
    answers = context.Queue()
    processes = [context.Process(target=_compete, args=(url, number, answers)) for number in range(4)]
    for process in processes:
        process.start()
    found = [answers.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    assert sum(new for new, _, _, _ in found) == 1
    assert len({frozenset(ids) for _, ids, _, _ in found}) == 1
    assert sum(won for _, _, won, _ in found) == 1
    assert len({outcome for *_, outcome in found}) == 1
