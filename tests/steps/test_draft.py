"""Drafted problem files load again, whatever the table looks like."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.core.errors import NotEnoughData, ProblemError, SourceError
from pipelines.steps.draft import draft_problem, problem_name, write_draft
from pipelines.stores.data.tables import read_source, write_parquet
from pipelines.stores.problems.problem_files import load_problem

RNG = np.random.default_rng(0)
ODD = [
    *(
        "no",
        "yes",
        "null",
        "~",
        "123",
        "1e3",
        "2013-01-01",
        "a [b]",
        "{a}",
        "a, b",
        "a: b",
        "#a",
        "- a",
        "&a",
        "*a",
    ),
    *(
        "!a",
        "%a",
        "@a",
        "`a",
        "|",
        ">",
        "?",
        "'",
        '"',
        "it's",
        "  lead",
        "trail ",
        "日本",
        "ü ö",
        "🦉",
        "a\nb",
        "a\tb",
    ),
    *("<<", "=", "\\", "a" * 200, "a  b", "x" * 60 + " " + "y" * 60),
]


def odd_table(rows: int = 80) -> pd.DataFrame:
    frame = pd.DataFrame({name: RNG.normal(size=rows) for name in ODD})
    return frame.assign(target=RNG.integers(0, 2, rows))


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet"])
def test_odd_names_come_through_and_load_again(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "data [1]" / f"Ödd name: {{x}} #1.{suffix}"
    path.parent.mkdir()
    if suffix == "parquet":
        write_parquet(odd_table(), path)
    else:
        odd_table().to_csv(path, index=False)
    drafted = draft_problem(path, "target", drop=["no"], folder=tmp_path / "problems")
    place = tmp_path / "problems" / "odd.yaml"
    write_draft(drafted, place)
    loaded = load_problem(str(place))
    assert loaded.problem.name == drafted.name == "odd-name-x-1"
    assert loaded.problem.features.kinds() == {column.name: column.kind for column in drafted.draft.columns}
    assert loaded.problem.features.ignored == ["no"]
    frame = read_source(loaded.problem.data.source, loaded.folder)  # the path is relative to the problem file
    assert list(frame.columns) == [*ODD, "target"]


def test_1500_columns_take_seconds(tmp_path: Path) -> None:
    frame = pd.DataFrame(RNG.normal(size=(100, 1500)), columns=[f"c{n}" for n in range(1500)])
    write_parquet(frame.assign(target=frame["c7"] > 0), tmp_path / "wide.parquet")
    drafted = draft_problem(tmp_path / "wide.parquet", "target")
    assert "c7" in [one.column for one in drafted.draft.suspicions]
    write_draft(drafted, tmp_path / "wide.yaml")
    assert len(load_problem(str(tmp_path / "wide.yaml")).problem.features.numeric) == 1500


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (None, SourceError, "is no file"),
        ("", SourceError, "empty"),
        ("a,b\n", NotEnoughData, "no value|nothing can be learned"),
        ("a,b\n1,2\n2,2\n3,2\n", NotEnoughData, "one value only"),
        ("a,c\n1,2\n", ProblemError, "--target names 'b'"),
    ],
)
def test_what_cannot_be_drafted_is_said(
    tmp_path: Path, content: str | None, error: type[Exception], message: str
) -> None:
    if content is not None:
        (tmp_path / "t.csv").write_text(content)
    with pytest.raises(error, match=message):
        draft_problem(tmp_path / "t.csv", "b")


def test_names_of_problems(tmp_path: Path) -> None:
    assert problem_name("x" * 100 + ".csv") == "x" * 63
    assert problem_name("___.csv") == problem_name("日本.parquet") == "problem"
    (tmp_path / "t.csv").write_text("a,b\n" + "1,2\n3,4\n" * 5)
    with pytest.raises(ProblemError, match=r"such as 'my-table'"):
        draft_problem(tmp_path / "t.csv", "b", name="My Table")


def test_a_persons_work_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + "1,2\n3,4\n" * 5)
    drafted = draft_problem(tmp_path / "t.csv", "b")
    place = tmp_path / "new" / "t.yaml"
    write_draft(drafted, place)
    write_draft(drafted, place)  # the same text again is no harm
    place.write_text("mine")
    with pytest.raises(ProblemError, match="--force"):
        write_draft(drafted, place)
    write_draft(drafted, place, force=True)
    assert place.read_text() == drafted.text
    with pytest.raises(ProblemError, match="--force"):
        write_draft(drafted, tmp_path)


def test_another_encoding_and_decimal_commas() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "latin.csv")
        path.write_bytes("größe;art\n1,5;ä\n2,5;ö\n".encode("latin-1") + "3,5;ä\n".encode("latin-1") * 30)
        assert draft_problem(path, "art").draft.task == "binary"
