"""The reference page of the problem file says what the models say."""

from pathlib import Path

from pipelines.core.problem import Problem
from pipelines.core.reference import problem_reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "problem.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == problem_reference(), (
        "renew it: python -m pipelines.core.reference > docs/reference/problem.md"
    )


def test_every_section_and_key_is_there() -> None:
    page = problem_reference()
    for key in Problem.model_fields:
        assert f"| `{key}` |" in page
    for section in (
        "data.source",
        "data.target",
        "features.history[]",
        "monitoring.thresholds",
        "learners[]",
    ):
        assert f"## `{section}`" in page
    assert "| `window` | text | `1w` |" in page  # durations as they are written, not as ISO 8601
