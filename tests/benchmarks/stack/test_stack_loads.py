from __future__ import annotations

from benchmarks.stack.compose import Taken, sum_up
from benchmarks.stack.loads import Outcome, row_of, spent


def test_what_was_spent_is_counted_by_service() -> None:
    before = {"prediction": Taken(1.0, 5), "postgres": Taken(4.0, 5)}
    after = {"prediction": Taken(3.5, 6), "postgres": Taken(1.0, 5), "new": Taken(0.5, 1)}
    assert spent(before, after) == {"prediction": 2.5, "postgres": 0.0, "new": 0.5}


def test_several_containers_are_added_up() -> None:
    one = {"cpu_stats": {"cpu_usage": {"total_usage": 1.5e9}}, "memory_stats": {"usage": 10, "stats": {}}}
    old = {"cpu_stats": {"cpu_usage": {"total_usage": 0}}, "memory_stats": {"usage": 9, "stats": {"inactive_file": 4}}}
    assert sum_up([one, old]) == Taken(1.5, 15)


def test_rates_and_costs_follow_from_what_was_counted() -> None:
    outcome = Outcome(
        None, 4, 200, 2.0, 1.0, 2.0, 0.0, None, {"prediction": 0.3, "postgres": 0.1, "mlflow": 9.0}, {"a": 1}
    )
    assert outcome.rate == 100
    assert outcome.cpu_ms == 2.0
    assert outcome.as_json()["cpu_ms"] == 2.0
    assert row_of({"instance": {"example": {"a": 0, "b": None}}}) == {"a": 0}
