from __future__ import annotations

import pytest

from services.console.columns import column_lines


def test_what_costs_most_stands_first_then_what_the_model_uses_most() -> None:
    evidence = {
        "columns": [
            {"name": "unused", "score": 9.0, "threshold": 0.1, "usage": 0.0, "harm": 0.0, "drifted": True},
            {"name": "used", "score": 0.3, "threshold": 0.1, "usage": 0.5, "harm": 0.0, "drifted": True},
            {"name": "costly", "score": 0.01, "threshold": 0.1, "usage": 0.1, "harm": 0.02},
        ],
        "quality": [{"name": "costly", "missing": 0.2, "missing_before": 0.1}, {"name": "alone", "broken": 1.0}],
    }
    lines = column_lines(evidence)
    assert [one.name for one in lines] == ["costly", "used", "unused", "alone"]
    assert (lines[0].missing, lines[0].missing_before, lines[0].ratio) == (0.2, 0.1, pytest.approx(0.1))
    assert lines[1].ratio == pytest.approx(3.0)
    assert lines[3].score is None


def test_noise_raises_the_limit_and_anything_may_be_missing() -> None:
    (line,) = column_lines(
        {"columns": [{"name": "a", "score": None, "threshold": 0.1, "noise": 0.4, "note": "odd"}, {}]}
    )
    assert (line.limit, line.score, line.note, line.ratio) == (0.4, None, "odd", 0.0)
    assert column_lines({"columns": "none", "quality": None}) == []
