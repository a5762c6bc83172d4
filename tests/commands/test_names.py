from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.commands.names import problem_name, split_release
from pipelines.core.errors import ProblemError
from pipelines.core.settings import Settings


def test_a_bare_name_needs_no_file(settings: Settings) -> None:
    assert problem_name(settings, "anything") == "anything"


def test_a_path_is_read(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("name: small\ndata: {source: x.csv, target: y}\n")
    assert problem_name(settings, str(file)) == "small"
    with pytest.raises(ProblemError):
        problem_name(settings, str(tmp_path / "missing.yaml"))


def test_a_release_is_named_by_problem_and_version(settings: Settings) -> None:
    assert split_release(settings, "small@3") == split_release(settings, "v3", "small") == ("small", 3)
    for wrong in ("small", "small@", "@3", "3", "small@latest"):
        with pytest.raises(ProblemError, match="names no release"):
            split_release(settings, wrong)
