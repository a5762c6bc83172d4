from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import ProblemError
from pipelines.core.settings import Settings
from pipelines.stores.problems.known_problems import (
    known_problems,
    readable_problems,
    remember_problem,
    resolve_problem,
)
from pipelines.stores.problems.problem_files import load_problem


def test_a_name_is_found_again_after_training(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "a problem.yaml"
    file.write_text("name: houses\ndata: {source: x.csv, target: y}\n")
    with pytest.raises(ProblemError):
        resolve_problem(settings, "houses")
    for _ in range(2):
        remember_problem(settings, load_problem(str(file)))
    assert known_problems(settings) == {"houses": str(file)}
    assert resolve_problem(settings, "houses").path == file
    assert {name: one.path for name, one in readable_problems(settings).items()} == {"houses": file}
    file.unlink()
    assert readable_problems(settings) == {}
    with pytest.raises(ProblemError, match=r"a problem\.yaml"):
        resolve_problem(settings, "houses")


def test_shipped_names_come_first(settings: Settings) -> None:
    assert resolve_problem(settings, "flights").problem.name == "flights"
    assert known_problems(settings) == {}
