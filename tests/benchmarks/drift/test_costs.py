from __future__ import annotations

from benchmarks.drift.costs import OURS, Cost, as_json, shortfalls, tables
from benchmarks.tables import plain

SAME = {"a": True, "b": False}


def test_the_floors() -> None:
    ours = Cost(OURS, 10, 1.0, 1.0, 100, 150, SAME)
    slow, quick = (Cost("Evidently", 10, cpu, 9.0, 1, 2, SAME) for cpu in (20.5, 19.5))
    large = Cost(OURS, 200, 9.0, 9.0, 100, 160, SAME)
    assert shortfalls([ours, slow, large]) == []
    assert len(shortfalls([ours, quick, large])) == 1
    fat = Cost(OURS, 200, 9.0, 9.0, 100, 900, SAME)
    other = Cost("NannyML", 10, 1.0, 1.0, 1, 2, {"a": True, "b": True})
    assert shortfalls([ours, slow, other, fat]) == [
        "NannyML's verdicts differ from ours: b",
        "our memory grows from 150 MB to 900 MB at 200 rows",
    ]


def test_the_tables_tell_of_those_that_did_not_run() -> None:
    costs = [Cost(OURS, 10, 1.0, 1.0, 100, 150, SAME), Cost("NannyML", 10, note="cannot be installed")]
    text = "\n".join(plain(one) for one in tables(costs))
    assert "cannot be installed" in text
    assert as_json({}, costs)["shortfalls"] == []
