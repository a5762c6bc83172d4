"""Several processes at once: what must happen once happens once, on SQLite and on PostgreSQL."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.core.episodes import Course
from pipelines.core.problem import Rollout
from pipelines.stores.alarms.notices import Address, News, Notices
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.decisions.ledger_chain import read_chain
from pipelines.stores.decisions.ledger_pages import LedgerPages
from pipelines.stores.trials.rollouts import RolloutLog

AT = datetime(2024, 5, 1, 12, tzinfo=UTC)
PROCESSES, TURNS = 3, 8
BAD = Course(("performance",), ("performance",), ("performance",))
Told = dict[str, list[Any]]


def test_what_must_happen_once_happens_once(database: str) -> None:
    requests = prepare(database)
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(PROCESSES), context.Queue()
    processes = [
        context.Process(target=take_part, args=(database, number, requests, barrier, answers))
        for number in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    told = [answers.get(timeout=200) for _ in processes]
    for process in processes:
        process.join()
    together = {name: [one for answer in told for one in answer[name]] for name in told[0]}
    assert sorted(together["claimed"]) == requests, "a request is claimed by one"
    assert sorted(together["began"]) == list(range(TURNS)), "of several that put a version on trial one is heard"
    assert together["asked"].count(True) == TURNS, "one request is in flight"
    assert sorted(together["delivered"]) == sorted(set(together["delivered"]))
    assert len(together["delivered"]) == TURNS, "a delivery is due for one"
    for answer in told:
        assert answer["followed"] == sorted(set(answer["followed"])), "nothing becomes visible behind what was seen"
    chain = read_chain(database)
    assert chain is not None
    assert chain.breaks == []


def prepare(url: str) -> list[int]:
    ledger, notices = Ledger(url), Notices(url)
    made = [
        ledger.request(f"p{turn}", f"k{turn}", reason="alarm", as_of=AT, at=AT, evidence={}).id for turn in range(TURNS)
    ]
    for turn in range(TURNS):
        news = News("begun", ("performance",), AT, "s", {}, turn)
        assert notices.keep(f"p{turn}", "health", None, BAD, news, [Address("webhook", "http://there")], AT)
    notices.close()
    ledger.close()
    return made


def take_part(url: str, number: int, requests: list[int], barrier: Any, answers: Any) -> None:
    ledger, notices, rollouts, pages = Ledger(url), Notices(url), RolloutLog(url), LedgerPages(url)
    told: Told = {"claimed": [], "began": [], "asked": [], "delivered": [], "followed": []}
    barrier.wait(timeout=200)
    for turn, request in enumerate(requests):
        if ledger.claim(request, AT, 60, f"holder {number}"):
            told["claimed"].append(request)
        told["delivered"] += [one.id for one in notices.claim_due(AT + timedelta(seconds=1), limit=2)]
        if begin(rollouts, turn, number):
            told["began"].append(turn)
        told["asked"].append(ask(ledger, turn, number))
        ledger.record(f"{number}-{turn}", at=AT, problem="all", kind="release", outcome="keep")
        last = max(told["followed"], default=0)
        told["followed"] += [one.id for one in pages.marks("all", "release", 1_000, last)]
    for opened in (ledger, notices, rollouts, pages):
        opened.close()
    answers.put(told)


def begin(rollouts: RolloutLog, turn: int, number: int) -> bool:
    rollout = Rollout.model_validate({"mode": "shadow"})
    token = f"{turn} {number}"
    return rollouts.begin(token, f"p{turn}", number, rollout, at=AT, actor="a", reason="r", after=0)


def ask(ledger: Ledger, turn: int, number: int) -> bool:
    return ledger.request(f"q{turn}", f"{turn} {number}", reason="alarm", as_of=AT, at=AT, evidence={}).new
