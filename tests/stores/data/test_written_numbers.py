"""Numbers as people and spreadsheets write them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipelines.stores.data.tables import read_table


def _read(tmp_path: Path, columns: dict[str, list[str]], delimiter: str = ",") -> pd.DataFrame:
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return read_table(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (["1,012", "966", "50,005"], "int64", [1012, 966, 50005]),
        (["1,012.50", "3.25"], "float64", [1012.5, 3.25]),
        (["-1,234,567", "12"], "int64", [-1234567, 12]),
        (["$1,012", "$7"], "int64", [1012, 7]),
        (["-$5.50", "$7"], "float64", [-5.5, 7]),
        (["14.4%", "7 %"], "float64", [14.4, 7]),
        (["(1,012)", "966"], "int64", [-1012, 966]),
        (["\u22125,5", "6,25"], "float64", [-5.5, 6.25]),
        (["1 234,5", "12 345 678,25"], "float64", [1234.5, 12345678.25]),
        (["1\u202f234", "12", "5"], "int64", [1234, 12, 5]),
        (["1'234.50", "12.00"], "float64", [1234.5, 12]),
        (["1.234.567", "12"], "int64", [1234567, 12]),
        (["1,5", "-", "n/a"], "float64", [1.5, None, None]),
        (["1,234", "NA", "5"], "float64", [1234, None, 5]),
    ],
)
def test_numbers_are_read_as_they_are_meant(values: list[str], dtype: str, expected: list[Any], tmp_path: Path) -> None:
    series = _read(tmp_path, {"x": values, "other": ["a"] * len(values)})["x"]
    pd.testing.assert_series_equal(series, pd.Series(expected, dtype=dtype, name="x"))


@pytest.mark.parametrize(
    "values",
    [
        ["007", "012"],
        ["5", "5 %"],  # the unit says something
        ["$5", "€5"],
        ["12:30", "13:45"],
        ["555 123", "555 124"],  # the numbers of things
        ["1,2,3", "2,3"],
        ["10.0.0.1", "10.0.0.2"],
        ["a 1", "b 2"],
        ["1-2", "3-4"],
        ["+", "$"],
    ],
)
def test_what_only_looks_like_numbers_stays_text(values: list[str], tmp_path: Path) -> None:
    assert _read(tmp_path, {"x": values, "other": ["a"] * len(values)})["x"].tolist() == values


def test_the_other_columns_tell_what_a_comma_means(tmp_path: Path) -> None:
    german = _read(tmp_path, {"x": ["1,234", "0"], "y": ["1,5", "2,25"]})
    assert german["x"].tolist() == [1.234, 0]
    english = _read(tmp_path, {"x": ["1,234", "0"], "y": ["1.5", "2.25"]}, ";")
    assert english["x"].tolist() == [1234, 0]


def test_a_semicolon_tells_it_where_no_column_does(tmp_path: Path) -> None:
    assert _read(tmp_path, {"x": ["1,234", "0"], "y": ["a", "b"]}, ";")["x"].tolist() == [1.234, 0]
    assert _read(tmp_path, {"x": ["1,234", "0"], "y": ["a", "b"]}, ",")["x"].tolist() == [1234, 0]


def test_points_between_thousands_are_no_decimals(tmp_path: Path) -> None:
    """1.234 reads as a number a little above one, unless the file's other numbers have decimal commas."""
    frame = _read(tmp_path, {"people": ["1.234", "987"], "ratio": ["1.5", "2.25"], "price": ["1.012,50", "3,25"]}, ";")
    assert frame["people"].tolist() == [1234, 987]
    assert frame["ratio"].tolist() == [1.5, 2.25]
    assert frame["price"].tolist() == [1012.5, 3.25]


@pytest.mark.parametrize("name", ["v", "t", "V", 'a "b"', "it's", "select"])
def test_any_name_does(name: str, tmp_path: Path) -> None:
    frame = _read(tmp_path, {"u": ["a", "b"], name: ["1.5", "2.5"], "x": ["1,234", "5"]})
    assert frame.columns.tolist() == ["u", name, "x"]
    assert frame[name].tolist() == [1.5, 2.5]
    assert frame["x"].tolist() == [1234, 5]
    assert _read(tmp_path, {"v": ["a", "b"], name + "2": ["1,234", "5"]})[name + "2"].tolist() == [1234, 5]


def test_a_few_words_among_numbers_stay_for_the_quarantine(tmp_path: Path) -> None:
    series = _read(tmp_path, {"x": ["1.234,5"] * 99 + ["k.A."], "other": ["a"] * 100}, ";")["x"]
    assert series.tolist() == ["1234.5"] * 99 + ["k.A."]
