from __future__ import annotations

from dataclasses import replace

from benchmarks.stack.growth import Grown, a_label
from benchmarks.stack.loads import Outcome
from benchmarks.stack.report import as_json, shortfalls, tables
from benchmarks.tables import markdown, plain

PEAK = Outcome(
    None,
    16,
    3000,
    10.0,
    4.0,
    9.0,
    12.0,
    5.0,
    {"prediction": 8.0, "postgres": 4.0},
    {"prediction": 10**8, "postgres": 10**7},
)
CALM = [replace(PEAK, asked=float(rate), requests=rate * 10, cpu={"prediction": rate / 100}) for rate in (10, 30, 100)]
GROWN = [Grown(rows, rows * 100, 1e5, PEAK, 2.0, 5.0, 9.0) for rows in (1_000_000, 20_000_000)]


def test_every_figure_is_in_a_table() -> None:
    shown = tables(PEAK, CALM, GROWN)
    text = "\n".join(plain(one) for one in shown)
    for wanted in ("300", "prediction", "0.80", "20,000,000", "2.00"):
        assert wanted in text
    assert all(markdown(one) for one in shown)
    assert len(tables(PEAK, CALM, [])) == 3
    assert as_json({}, PEAK, CALM, GROWN)["log"][1]["predict"]["rate"] == 300


def test_floors_that_are_not_kept_are_named() -> None:
    assert shortfalls(CALM, GROWN) == []
    dear = replace(CALM[2], cpu={"prediction": 50.0})
    slow = replace(CALM[2], requests=500)
    late = replace(GROWN[1], look_up_ms=20.0, label_ms=99.0, predict=replace(PEAK, cpu={"prediction": 60.0}))
    assert len(shortfalls([*CALM[:2], dear], [])) == 1
    assert "were wanted" in shortfalls([*CALM[:2], slow], [])[-1]
    assert len(shortfalls(CALM, [GROWN[0], late])) == 3


def test_a_label_is_one_that_the_model_takes() -> None:
    assert a_label({"type": "boolean"}) is True
    assert a_label({"type": "string", "enum": ["a", "b"]}) == "a"
