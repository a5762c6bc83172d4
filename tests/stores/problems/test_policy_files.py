from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.core.errors import ProblemError
from pipelines.core.problem import Problem
from pipelines.stores.problems.policy_files import load_policy


@pytest.fixture
def problem() -> Problem:
    return Problem.model_validate(
        {
            "name": "p",
            "data": {"source": "p.csv", "target": "y"},
            "monitoring": {"min_rows": 77},
            "retraining": {"min_new_labels": 5},
        }
    )


def _file(folder: Path, text: str, name: str = "eager.yaml") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_its_keys_go_over_the_problems_own(problem: Problem, tmp_path: Path) -> None:
    found = load_policy(_file(tmp_path, "name: monthly\nevery: 4w\non: [data]\n"), problem)
    assert found.name == "monthly"
    assert found.retraining.every == timedelta(weeks=4)
    assert found.retraining.on == ["data"]
    assert found.retraining.min_new_labels == 5
    assert found.monitoring is None


def test_without_a_name_it_is_called_as_its_file_is(problem: Problem, tmp_path: Path) -> None:
    assert load_policy(_file(tmp_path, "growth: 1\n"), problem).name == "eager"


def test_a_section_of_a_problem_file_is_one_too(problem: Problem, tmp_path: Path) -> None:
    text = "retraining:\n  growth: 2\nmonitoring:\n  min_labels: 99\n"
    found = load_policy(_file(tmp_path, text), problem)
    assert found.retraining.growth == 2
    assert found.monitoring is not None
    assert (found.monitoring.min_labels, found.monitoring.min_rows) == (99, 77)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("evry: 4w", r"eager.yaml: evry: there is no such key; allowed: .*every.*monitoring"),
        ("every: soon", r"eager.yaml: every: 'soon' is no duration"),
        ("on: [luck]", r"eager.yaml: on.0: Input should be"),
        ("monitoring: {min_rows: 1}", r"eager.yaml: monitoring.min_rows: "),
        ("retraining: 4w", r"eager.yaml: retraining: expected keys"),
        ("just text", r"expected keys"),
        ("a: [", r"eager.yaml:\d+: "),
    ],
)
def test_what_is_wrong_is_named(text: str, told: str, problem: Problem, tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match=told):
        load_policy(_file(tmp_path, text), problem)


def test_a_file_that_is_not_there(problem: Problem, tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="cannot be read as a policy file"):
        load_policy(tmp_path / "none.yaml", problem)
