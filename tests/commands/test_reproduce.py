from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.steps import reproduce as step

At = Callable[..., tuple[int, Any, str]]


def test_a_release_is_reproduced_by_its_name_and_version(at_home: At, trained: Any, tmp_path: Path) -> None:
    code, out, told = at_home("reproduce", "late@1", "--by", "Ada", "--keep", tmp_path / "kept", "--json")
    assert (code, out["outcome"]) == (0, "same"), out
    assert out["recorded_digest"] == out["made_digest"] == trained.summary["model_digest"]
    assert (out["answers"]["largest"], out["findings"]) == (0.0, [])
    assert "preparing, training and evaluating again" in told
    assert (tmp_path / "kept" / "reference.parquet").is_file()


def test_what_differs_ends_with_1_and_is_shown(at_home: At, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(*_arguments: object) -> step.Reproduced:
        finding = step.Finding(part="model", told="the model is another one", details=["coef_: 3 of 4 values differ"])
        facts: dict[str, Any] = dict.fromkeys(step.Reproduced.__dataclass_fields__)
        told = "another model; what differs: model"
        facts |= {"problem": "late", "version": 1, "outcome": "differs", "told": told, "findings": [finding]}
        return step.Reproduced(**facts | {"recorded_digest": "d1", "made_digest": "d2", "notes": ["a note"]})

    monkeypatch.setattr(step, "reproduce", found)
    code, shown, _ = at_home("reproduce", "late@1")
    assert code == 1
    for text in ("late@1: differs", "the model is another one", "coef_: 3 of 4 values differ", "a note"):
        assert text in shown
    assert at_home("reproduce", "late@1", "--json")[0] == 1


@pytest.mark.parametrize(("release", "code"), [("late", 3), ("late@one", 3), ("late@7", 8)])
def test_what_is_no_release_is_refused(release: str, code: int, at_home: At) -> None:
    assert at_home("reproduce", release, "--json")[0] == code
