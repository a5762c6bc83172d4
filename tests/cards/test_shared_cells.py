from __future__ import annotations

from pipelines.cards.shared_cells import metric_spanned, passed_mark, points


def test_marks_notes_and_missing_metrics() -> None:
    assert (passed_mark(True).tone, passed_mark(False).tone) == ("good", "bad")
    assert metric_spanned(None) == "–"
    assert points([]) == []
    assert len(points(["one", "two"])) == 1
