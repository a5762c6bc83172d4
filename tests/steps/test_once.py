"""Steps that can be killed and run again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import NotFound
from pipelines.steps.once import once


class Work:
    """Writes a file and a folder, and counts how often."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs = folder, 0

    def __call__(self) -> dict[str, Any]:
        self.runs += 1
        (self.folder / "parts").mkdir(parents=True, exist_ok=True)
        (self.folder / "a.txt").write_text("a")
        (self.folder / "parts" / "b.txt").write_text("b")
        return {"runs": self.runs, "pair": (1, 2)}


OUTPUTS = ("a.txt", "parts")


def test_work_is_done_once_for_the_same_inputs(tmp_path: Path) -> None:
    work = Work(tmp_path)
    first = once(tmp_path, "step", {"in": "1"}, work, OUTPUTS)
    assert first == {"runs": 1, "pair": [1, 2]}
    assert once(tmp_path, "step", {"in": "1"}, work, OUTPUTS) == first
    assert once(tmp_path, "other", {"in": "1"}, work, OUTPUTS)["runs"] == 2
    assert once(tmp_path, "step", {"in": "2"}, work, OUTPUTS)["runs"] == 3


@pytest.mark.parametrize("spoilt", ["a.txt", "parts/b.txt", "parts/new.txt", "step.done.json"])
def test_spoilt_outputs_are_made_anew(spoilt: str, tmp_path: Path) -> None:
    work = Work(tmp_path)
    once(tmp_path, "step", {}, work, OUTPUTS)
    (tmp_path / spoilt).write_text("spoilt")
    assert once(tmp_path, "step", {}, work, OUTPUTS)["runs"] == 2
    (tmp_path / "a.txt").unlink()
    assert once(tmp_path, "step", {}, work, OUTPUTS)["runs"] == 3


def test_work_that_fails_leaves_nothing_done(tmp_path: Path) -> None:
    def fail() -> None:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        once(tmp_path, "step", {}, fail)
    with pytest.raises(NotFound, match=r"without writing gone\.txt"):
        once(tmp_path, "step", {}, Work(tmp_path), ("gone.txt",))
    assert not (tmp_path / "step.done.json").exists()
    assert once(tmp_path, "step", {}, Work(tmp_path), OUTPUTS)["runs"] == 1
