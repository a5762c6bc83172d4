from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.core.errors import NotFound
from pipelines.core.settings import Settings
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.decisions.ledger_pages import LedgerPages

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def pages(settings: Settings) -> Iterator[LedgerPages]:
    ledger = Ledger(settings.database)
    for number in range(6):
        kind, outcome = ("release", "promote" if number < 3 else "keep") if number % 3 == 0 else ("verdict", "healthy")
        ledger.record(f"{kind}:{number}", at=NOON + timedelta(hours=number), problem="p", kind=kind, outcome=outcome,
                      version=number, evidence={"number": number})  # fmt: skip
    ledger.record("other", at=NOON, problem="q", kind="verdict", outcome="alarm")
    ledger.close()
    opened = LedgerPages(settings.database)
    yield opened
    opened.close()


def test_a_page_is_the_newest_entries_without_their_evidence(pages: LedgerPages) -> None:
    assert [one.id for one in pages.page("p", limit=3)] == [6, 5, 4]
    assert [one.id for one in pages.page("p", limit=3, before=4)] == [3, 2, 1]
    assert [one.id for one in pages.page("p", ["release"])] == [4, 1]
    assert [one.id for one in pages.page("p", outcome="keep")] == [4]
    assert all(one.evidence == {} for one in pages.page("p"))
    assert pages.page("nobody") == []
    assert pages.page("p")[0].digest is not None


def test_an_entry_is_whole(pages: LedgerPages) -> None:
    assert pages.entry(3).evidence == {"number": 2}
    assert [one.id for one in pages.entries([5, 3, 3, 99])] == [3, 5]
    with pytest.raises(NotFound, match="no entry 99"):
        pages.entry(99)


def test_marks_are_those_that_came_later(pages: LedgerPages) -> None:
    marks = pages.marks("p", "verdict", 10)
    assert [(one.id, one.outcome) for one in marks] == [(2, "healthy"), (3, "healthy"), (5, "healthy"), (6, "healthy")]
    assert marks[0].at == NOON + timedelta(hours=1)
    assert [one.id for one in pages.marks("p", "verdict", 10, after=3)] == [5, 6]
    assert [one.id for one in pages.marks("p", "verdict", 1)] == [6]


def test_moves_and_tallies_are_counted(pages: LedgerPages) -> None:
    (move,) = pages.moves("p")
    assert (move.id, move.version, move.kind, move.outcome, move.at) == (1, 0, "release", "promote", NOON)
    assert pages.tally("p") == {"release": {"keep": 1, "promote": 1}, "verdict": {"healthy": 4}}
    assert pages.problems() == ["p", "q"]
    assert [pages.knows(name) for name in ("p", "q", "r", "")] == [True, True, False, False]
