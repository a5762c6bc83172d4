from __future__ import annotations

import pytest

from benchmarks.serving.rounds import Measured
from benchmarks.serving.tables import Table, markdown, measured, number, plain


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0.000"), (0.0554, "0.055"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"), (12345.6, "12,346")],
)
def test_numbers_have_the_digits_that_mean_something(value: float, shown: str) -> None:
    assert number(value) == shown


def test_what_was_not_measured_is_a_dash() -> None:
    assert number(None) == "–"


def test_both_forms_have_every_cell() -> None:
    table = Table("Costs", ("server", "CPU ms"), [("ours", "0.1"), ("a longer one", "12")])
    assert plain(table).splitlines() == [
        "Costs",
        "server        CPU ms",
        "ours             0.1",
        "a longer one      12",
    ]
    assert markdown(table).splitlines()[1:] == ["| --- | ---: |", "| ours | 0.1 |", "| a longer one | 12 |"]


def test_an_empty_table_has_its_head() -> None:
    assert plain(Table("T", ("a", "b"), [])).splitlines() == ["T", "a  b"]


def test_each_measurement_is_a_row() -> None:
    (row,) = measured([Measured("ours", 16, 1000, 0.1234, 9876.5, 1.0, 2.0, 0.05, 1)]).rows
    assert row == ("ours", "16", "1,000", "0.123", "9,876", "1.00", "2.00", "5%")
