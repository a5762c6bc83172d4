from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.decisions.verdicts_past import levels_before

START = datetime(2024, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def record(ledger: Ledger, key: str, day: int, level: str | None, version: int = 1) -> None:
    start, end = START + day * DAY, START + (day + 1) * DAY
    evidence = {"start": start.isoformat(), "end": end.isoformat(), "kinds": {"data": {"level": level, "reasons": []}}}
    ledger.record(key, at=end, problem="p", kind="verdict", outcome="x", version=version, evidence=evidence)


def test_the_last_window_before_this_one_is_found_in_whatever_order_they_were_judged(database: str) -> None:
    ledger = Ledger(database)
    assert levels_before(ledger, "p", 1, START, START + DAY) == {}
    for number, (day, level) in enumerate([(2, "warning"), (1, "alarm"), (0, "healthy"), (3, "unknown")]):
        record(ledger, f"v{number}", day, level)
    record(ledger, "other", 2, "alarm", version=2)
    seen = [levels_before(ledger, "p", 1, START + day * DAY, START + (day + 1) * DAY) for day in (0, 1, 2, 3, 4)]
    assert seen == [{}, {"data": "healthy"}, {"data": "alarm"}, {"data": "warning"}, {"data": "unknown"}]
    record(ledger, "again", 2, "healthy")  # judged again: the newer word counts
    assert levels_before(ledger, "p", 1, START + 3 * DAY, START + 4 * DAY) == {"data": "healthy"}
    ledger.close()


def test_what_an_entry_does_not_say_is_left_out(database: str) -> None:
    ledger = Ledger(database)
    ledger.record("old", at=START, problem="p", kind="verdict", outcome="healthy", version=1)
    assert levels_before(ledger, "p", 1, START, START + DAY) == {}
    record(ledger, "odd", 0, None)
    assert levels_before(ledger, "p", 1, START + DAY, START + 2 * DAY) == {}
    ledger.close()
