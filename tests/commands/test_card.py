"""`ratchet card` in a home where a problem was trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

At = Callable[..., tuple[int, Any, str]]


def test_the_champions_card_is_found(at_home: At) -> None:
    code, out, _ = at_home("card", "late", "--json")
    assert code == 0
    assert (out["problem"], out["version"], out["made_now"]) == ("late", 1, False)
    page = Path(out["path"])
    assert page.name == "model_card.html"
    assert page.read_text().startswith("<!doctype html>")
    assert {"datasheet.html", "model_card.md", "plots/metrics.svg"} <= set(out["files"])
    code, shown, _ = at_home("card", "late@1")
    assert (code, shown.strip()) == (0, out["path"])


def test_a_copy_brings_its_plots(at_home: At, tmp_path: Path) -> None:
    code, _, _ = at_home("card", "late", "--format", "md", "--out", tmp_path / "to" / "card.md")
    assert code == 0
    assert (tmp_path / "to" / "card.md").read_text().startswith("# Model card: late")
    assert (tmp_path / "to" / "plots" / "roc.svg").is_file()
    code, _, _ = at_home("card", "late", "--datasheet", "--out", tmp_path / "sheet.html")
    assert code == 0
    assert "Datasheet" in (tmp_path / "sheet.html").read_text()


def test_the_browser_is_asked_only_when_told(at_home: At, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    at_home("card", "late")
    assert opened == []
    at_home("card", "late", "--open")
    assert [one.startswith("file:///") for one in opened] == [True]


@pytest.mark.parametrize(("release", "code"), [("late@99", 8), ("nothing", 8), ("late@x", 3)])
def test_what_is_no_release_is_said(at_home: At, release: str, code: int) -> None:
    assert at_home("card", release, "--json")[0] == code
