"""CSV as people write it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipelines.core.errors import SourceError
from pipelines.stores.data.csv_files import unique_names
from pipelines.stores.data.tables import read_table


def _read(tmp_path: Path, text: str, encoding: str = "utf-8", name: str = "a.csv") -> pd.DataFrame:
    (tmp_path / name).write_bytes(text.encode(encoding))
    return read_table(tmp_path / name)


def _column(tmp_path: Path, *values: str) -> pd.Series:
    return _read(tmp_path, "x,other\n" + "\n".join(f"{value},1" for value in values))["x"]


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (["1", "2"], "int64", [1, 2]),
        (["1", "NA", ""], "float64", [1.0, None, None]),
        (["1", "2.5"], "float64", [1.0, 2.5]),
        (["yes", "no"], "object", ["yes", "no"]),
        (["t", "f"], "object", ["t", "f"]),
        (["True", "FALSE"], "bool", [True, False]),
        (["true", "NA"], "object", [True, None]),
        (["007", "012"], "object", ["007", "012"]),
        (["123456789012345678901"], "object", ["123456789012345678901"]),
        (["1", "x"], "object", ["1", "x"]),
        (["2013-01-02"], "datetime64[us]", [pd.Timestamp("2013-01-02")]),
        (["2013-01-02 03:04:05"], "datetime64[us]", [pd.Timestamp("2013-01-02 03:04:05")]),
        (["2013-01-02T03:04:05+02:00"], "datetime64[us]", [pd.Timestamp("2013-01-02 01:04:05")]),
        (["01/02/2013", "13/02/2013"], "object", ["01/02/2013", "13/02/2013"]),
        (["01/02/2013 10:30:00"], "object", ["01/02/2013 10:30:00"]),
        (["12:30", "13:45"], "object", ["12:30", "13:45"]),
        (["inf", "1"], "object", ["inf", "1"]),
        (["", ""], "object", [None, None]),
    ],
)
def test_the_type_of_a_column_is_that_of_all_its_values(
    values: list[str], dtype: str, expected: list[Any], tmp_path: Path
) -> None:
    series = _column(tmp_path, *values)
    assert series.dtype == dtype
    pd.testing.assert_series_equal(series, pd.Series(expected, dtype=dtype, name="x"))


def test_a_word_far_down_makes_a_column_text(tmp_path: Path) -> None:
    series = _column(tmp_path, *map(str, range(60_000)), "word")
    assert (len(series), series.iloc[0], series.iloc[-1]) == (60_001, "0", "word")


def test_names_stay_as_the_file_has_them(tmp_path: Path) -> None:
    header = ' lead,trail ,"a ""q""",brüder [m²],A,a,a,,"x, y",lead'
    frame = _read(tmp_path, header + "\n" + ",".join("1234567890") + "\n")
    assert frame.columns.tolist() == [
        " lead", "trail ", 'a "q"', "brüder [m²]", "A", "a", "a.1", "Unnamed: 7", "x, y", "lead",
    ]  # fmt: skip
    assert frame.iloc[0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_and_byte_order_marks_are_found(separator: str, tmp_path: Path) -> None:
    frame = _read(tmp_path, f"\ufeffone{separator}two\n1{separator}x\n2{separator}y\n")
    assert frame.columns.tolist() == ["one", "two"]
    assert frame["two"].tolist() == ["x", "y"]


def test_decimal_commas_are_numbers(tmp_path: Path) -> None:
    frame = _read(tmp_path, "a;b;c\n1,5;x;3\n-2;1,y;4\n")
    assert frame["a"].tolist() == [1.5, -2.0]
    assert frame["b"].tolist() == ["x", "1,y"]


def test_other_encodings_are_read(tmp_path: Path) -> None:
    assert _read(tmp_path, "größe\nmüde\n", "cp1252").iloc[0, 0] == "müde"
    assert _read(tmp_path, "größe,a\nmüde,1\n", "utf-16")["größe"].tolist() == ["müde"]


def test_quoted_newlines_and_separators_stay_in_their_cells(tmp_path: Path) -> None:
    frame = _read(tmp_path, 'a,b\n"one\ntwo",1\n"x, y",2\n"say ""hi""",3\n')
    assert frame["a"].tolist() == ["one\ntwo", "x, y", 'say "hi"']


def test_rows_that_are_too_short_are_filled_and_too_long_ones_refused(tmp_path: Path) -> None:
    frame = _read(tmp_path, "a,b\n1,2\n3\n4,5\n")
    assert frame["a"].tolist() == [1, 3, 4]
    assert frame["b"].isna().tolist() == [False, True, False]
    with pytest.raises(SourceError, match=r"a\.csv cannot be read as CSV.*Line: 4"):
        _read(tmp_path, "a,b\n1,2\n3\n4,5,6\n")


def test_no_row_is_lost_above_a_table(tmp_path: Path) -> None:
    assert len(_read(tmp_path, "a,b\nx,y\n" + "1,2\n" * 50)) == 51


def test_one_column_and_no_rows_are_tables(tmp_path: Path) -> None:
    assert _read(tmp_path, "a\n1\n2\n")["a"].tolist() == [1, 2]
    assert _read(tmp_path, "a,b\n").shape == (0, 2)


def test_fifteen_hundred_columns_are_read(tmp_path: Path) -> None:
    names = [f"c {one} [é]" for one in range(1500)]
    text = "\n".join(",".join(row) for row in [names, *[[str(one) for one in range(1500)]] * 60])
    frame = _read(tmp_path, text)
    assert frame.shape == (60, 1500)
    assert frame.columns.tolist() == names


def test_repeated_names_are_numbered_without_a_clash() -> None:
    assert unique_names(["a", "a.1", "a", "a"]) == ["a", "a.1", "a.2", "a.3"]
