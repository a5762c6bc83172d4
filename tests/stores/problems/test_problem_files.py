"""Problem files that are wrong say where and what is allowed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.core.errors import ProblemError
from pipelines.stores.problems.problem_files import (
    SCHEMA,
    load_problem,
    parse_problem,
    problem_schema,
    shipped_problems,
)

GOOD = "name: x\ndata:\n  source: a.csv\n  target: y\n"


def test_five_lines_are_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    loaded = load_problem(str(path))
    assert (loaded.problem.name, loaded.problem.data.target.column) == ("x", "y")
    assert (loaded.path, loaded.folder, loaded.text) == (path, tmp_path, GOOD)


def test_shipped_problems_load_by_name() -> None:
    assert {"flights", "visits"} <= set(shipped_problems())
    for name in shipped_problems():
        assert load_problem(name).problem.name == name


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("", ["expected keys such as name and data, found nothing"]),
        ("- a\n", ["found a list"]),
        ("just words", ["found 'just words'"]),
        ("name: x\nname: y\n", ['x.yaml:2: found duplicate key "name"']),
        ("a: [\n", ["x.yaml:2: "]),
        ("name: x\n", ["x.yaml:1: data: a value is needed"]),
        (GOOD.replace("name: x", "name: A B"), ["x.yaml:1: name: String should match", "found 'A B'"]),
        (
            GOOD.replace("target", "targt"),
            [
                "x.yaml:2: data.target: a value is needed",
                "x.yaml:4: data.targt: there is no such key; did you mean 'target'?",
            ],
        ),
        (GOOD + "split: {test: 2}\n", ["x.yaml:5: split.test: Input should be less than 1, found 2"]),
        (GOOD + "monitoring:\n  window: 3 moons\n", ["x.yaml:6: monitoring.window: '3 moons' is no duration"]),
        (
            GOOD + "features:\n  history:\n    - name: a\n      how: median\n      window: 1d\n",
            ["x.yaml:8: features.history.0.how: Input should be 'mean'", "found 'median'"],
        ),
        (
            GOOD + "features: {overrides: {a: {minimun: 1}}}\n",
            ["features.overrides.a.minimun: there is no such key; did you mean 'minimum'? allowed: minimum, maximum"],
        ),
        (
            GOOD + "learners: [{name: a, parms: {}}]\n",
            ["learners.0.parms: there is no such key; did you mean 'params'?"],
        ),
        (
            GOOD + "features: {numeric: [a], categorical: [a]}\n",
            ["features: column 'a' is listed under numeric and categorical"],
        ),
    ],
)
def test_an_error_names_line_key_what_was_found_and_what_is_allowed(text: str, messages: list[str]) -> None:
    with pytest.raises(ProblemError) as caught:
        parse_problem(text, Path("x.yaml"))
    for message in messages:
        assert message in str(caught.value)


def test_what_is_no_file_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="did you mean 'flights'"):
        load_problem("flihgts")
    with pytest.raises(ProblemError, match="is a folder"):
        load_problem(str(tmp_path))
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProblemError, match="is not UTF-8 text"):
        load_problem(str(tmp_path / "x.yaml"))
    (tmp_path / "y.yaml").write_bytes(b"a: \0\n")
    with pytest.raises(ProblemError, match=r"y\.yaml"):
        load_problem(str(tmp_path / "y.yaml"))


def test_the_schema_that_ships_is_current() -> None:
    """To renew it, write `problem_schema()` to `SCHEMA` with `stores.storage.files.write_json`."""
    assert json.loads(SCHEMA.read_text()) == problem_schema()
