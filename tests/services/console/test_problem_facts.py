from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.core.settings import Settings
from pipelines.stores.alarms.alarm_acts import silence
from pipelines.stores.storage.files import write_json
from services.console.problem_facts import gather_problems, known_until, problem_families

AT = datetime(2026, 3, 1, tzinfo=UTC)
COLUMNS = [{"name": f"c{number}", "score": number / 100, "drifted": number > 55} for number in range(60)]
EVIDENCE = {
    "start": "2026-02-22T00:00:00+00:00",
    "end": "2026-03-01T00:00:00+00:00",
    "kinds": {"performance": {"level": "alarm"}, "data": {"level": "healthy"}, "estimate": {"level": "unknown"}},
    "numbers": {"loss": 0.7, "promised loss": 0.5},
    "rows": 400,
    "labels": 100,
    "coverage": 0.25,
    "newest_label": "2026-02-26T00:00:00+00:00",
    "columns": [*COLUMNS, {"name": "odd"}, "odd"],
}


def values(desk: Any) -> dict[tuple[str, ...], float]:
    """Name and labels without the problem's, and the value."""
    found = {}
    for family in problem_families(gather_problems(desk)):
        for one in family.samples:
            assert one.labels["problem"] == "loans"
            labels = tuple(value for name, value in one.labels.items() if name != "problem")
            found[one.name.removeprefix("ratchet_"), *labels] = one.value
    return found


def record(desk: Any, kind: str, outcome: str, **more: Any) -> None:
    desk.ledger.record(f"{kind}:{outcome}", at=AT, problem="loans", kind=kind, outcome=outcome, **more)


def test_everything_that_alerts_stand_on(desk: Any, settings: Settings) -> None:
    record(desk, "release", "promote", version=4, run_id="r4")
    record(desk, "release", "awaiting_approval", version=5, run_id="r5", evidence={"run_key": "k5"})
    record(desk, "verdict", "alarm", version=4, evidence=EVIDENCE)
    desk.ledger.request("loans", "retrain:1", reason="alarm", as_of=AT, at=AT)
    until = desk.clock() + timedelta(days=1)
    silence(desk.ledger, "loans", ["performance"], until, desk.clock(), "Ada", "on it")
    write_json(settings.history("loans") / "current.json", {"as_of": "2026-02-28T00:00:00+00:00"})
    found = values(desk)
    assert found["champion_version",] == 4
    assert found["champion_since_timestamp_seconds",] == AT.timestamp()
    levels = {kind: found["verdict_level", kind] for kind in ("performance", "data", "estimate")}
    assert levels == {"performance": 2, "data": 0, "estimate": -1}
    assert (found["verdict_silenced", "performance"], found["verdict_silenced", "data"]) == (1, 0)
    assert abs(found["verdict_timestamp_seconds",] - desk.clock().timestamp()) < 60
    assert (found["verdict_rows",], found["verdict_labels",], found["label_coverage_ratio",]) == (400, 100, 0.25)
    assert found["label_newest_timestamp_seconds",] == datetime(2026, 2, 26, tzinfo=UTC).timestamp()
    assert found["verdict_number", "promised loss"] == 0.5
    assert (found["columns_drifted",], found["column_drift_score", "c59"]) == (4, 0.59)
    assert ("column_drift_score", "c9") not in found  # the fifty that moved most
    assert (found["requests_to_retrain", "open"], found["requests_to_retrain", "running"]) == (1, 0)
    assert ("requests_to_retrain_since_timestamp_seconds",) in found
    assert found["releases_waiting",] == 1
    assert found["history_known_until_timestamp_seconds",] == datetime(2026, 2, 28, tzinfo=UTC).timestamp()


def test_a_problem_without_a_champion_has_version_none(desk: Any) -> None:
    record(desk, "release", "keep", version=1, run_id="r1")
    found = values(desk)
    assert found["champion_version",] == 0
    assert ("champion_since_timestamp_seconds",) not in found
    assert not [name for name, *_ in found if name.startswith("verdict")]


def test_episodes_are_counted_by_topic(lived: Any) -> None:
    (facts,) = gather_problems(lived.desk)
    assert facts.standing == {"health": 1, "monitor": 0, "labels": 0, "retraining": 0, "history": 0}
    assert facts.newest is not None


def test_a_history_that_cannot_be_read_is_none(settings: Settings) -> None:
    assert known_until(settings, "loans") is None
    place = settings.history("loans") / "current.json"
    place.parent.mkdir(parents=True)
    place.write_text("[1]")
    assert known_until(settings, "loans") is None
