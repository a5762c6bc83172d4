from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.core.errors import NotFound
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.decisions.ledger_chain import read_chain

AT = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def url(database: str) -> str:
    return database


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    opened = Ledger(url)
    yield opened
    opened.close()


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


def test_what_is_asked_and_what_came_of_it_is_on_record(ledger: Ledger, url: str) -> None:
    first = ask(ledger, "k1")
    ask(ledger, "k1")
    ledger.finish(first.id, AT + timedelta(days=1), "keep", {"version": 3, "run_id": "r"})
    ledger.finish(first.id, AT, "promote")
    second = ask(ledger, "k2")
    ledger.finish(second.id, AT, "gave up after 3 attempts", state="failed")
    found = [(one.outcome, one.actor, one.version, one.at) for one in ledger.entries("p", "retraining")]
    assert found == [
        ("failed", "flow", None, AT),
        ("asked", "policy", None, AT),
        ("done", "flow", 3, AT),
        ("asked", "policy", None, AT),
    ]
    done = ledger.entries("p", "retraining")[2]
    assert done.reasons == ["the training that was asked for ended: keep"]
    assert (done.evidence["request"], done.evidence["verdict"]) == (first.id, "v")
    chain = read_chain(url)
    assert chain is not None
    assert (len(chain.seals), chain.breaks) == (4, [])


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
