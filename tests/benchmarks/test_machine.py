"""What a run measured is kept, and the document that quotes it follows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import machine


def test_results_are_kept_and_the_document_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "RESULTS", tmp_path / "results")
    document = tmp_path / "page.md"
    document.write_text("Text\n\n<!-- measured -->\n\nold\n")
    for figure in ("1", "2"):
        machine.keep("speed", {"figure": figure}, f"{figure}\n", document)
    assert json.loads((tmp_path / "results" / "speed.json").read_text()) == {"figure": "2"}
    assert (tmp_path / "results" / "speed.md").read_text() == "2\n"
    assert document.read_text() == "Text\n\n<!-- measured -->\n\n2\n"
