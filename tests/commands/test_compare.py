from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

At = Callable[..., tuple[int, Any, str]]


def test_two_versions_are_laid_side_by_side(at_home: At) -> None:
    code, out, _ = at_home("compare", "late@1", "1", "--json")
    assert code == 0
    assert (out["problem"], out["first"], out["second"], out["reason"]) == ("late", 1, 1, None)
    assert {one["gain"]["difference"] for one in out["measured"]["metrics"]} == {0.0}
    assert out["lineage"] == {"facts": [], "contract": [], "problem": []}
    code, shown, told = at_home("compare", 1, 1, "--problem", "late")
    assert code == 0
    assert "roc_auc" in shown
    assert "gain of B over A" in shown
    assert "held-out rows of version 1" in told


@pytest.mark.parametrize(
    ("words", "code"),
    [(("1", "1"), 3), (("late@1", "other@1"), 3), (("late@1", "9"), 8), (("late@1", "1", "--on", "log"), 6)],
)
def test_what_cannot_be_compared_is_refused(words: tuple[str, ...], code: int, at_home: At) -> None:
    assert at_home("compare", *words, "--json")[0] == code
