from __future__ import annotations

import html.parser
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipelines.core.evaluation.rehearsal import Rehearsal

MITCHELL = [
    "Model details",
    "Intended use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Training data",
    "Quantitative analyses",
    "Ethical considerations",
    "Caveats and recommendations",
]
PAGES = {"model_card.html", "model_card.md", "datasheet.html", "datasheet.md"}


class _Page(html.parser.HTMLParser):
    """Every tag and link of a page; closing tags must fit."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.titles: list[str] = []
        self.ids: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href", "action")]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in ("meta", "link", "br", "img"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "h2":
            self.titles.append(data)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("full", [True, False])
def test_a_card_is_whole_and_needs_no_network(
    make_case: Callable[..., Any], tmp_path: Path, task: str, full: bool
) -> None:
    written = make_case(task, full=full).write(tmp_path)
    assert set(written) > PAGES
    assert all(path.is_file() and path == tmp_path / name for name, path in written.items())
    for name in ("model_card.html", "datasheet.html"):
        page = _Page(written[name].read_text())
        assert "script" not in page.tags
        assert all(link.startswith("#") for link in page.links)
        assert len(page.ids) == len(set(page.ids))
        assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    titles = _Page(written["model_card.html"].read_text()).titles
    assert titles == ["Decision", *MITCHELL, "Lineage and reproduction", "How to ask it"]


def test_markdown_names_only_plots_that_are_there(make_case: Callable[..., Any], tmp_path: Path) -> None:
    written = make_case("binary").write(tmp_path)
    named = re.findall(r"\]\(([^)]*)\)", written["model_card.md"].read_text())
    assert sorted(named) == sorted(name for name in written if name.startswith("plots/"))


def test_both_forms_say_the_same(make_case: Callable[..., Any], tmp_path: Path) -> None:
    case = make_case("regression")
    written = case.write(tmp_path)
    for name in ("model_card.html", "model_card.md"):
        text = written[name].read_text()
        for one in case.card.metrics.values():
            assert f"{one.value:.4g}" in text
        assert case.card.digest in text
        assert "not stated" in text


def test_the_same_release_gives_the_same_bytes(make_case: Callable[..., Any], tmp_path: Path) -> None:
    case = make_case("multiclass")
    one, other = case.write(tmp_path / "a"), case.write(tmp_path / "b")
    assert {name: path.read_bytes() for name, path in one.items()} == {
        name: path.read_bytes() for name, path in other.items()
    }


def test_the_sheet_that_ingest_wrote_is_taken(make_case: Callable[..., Any], tmp_path: Path) -> None:
    sheet = tmp_path / "abc.md"
    sheet.write_text("the sheet")
    sheet.with_suffix(".html").write_text("<p>the sheet")
    written = make_case("binary", full=False).write(tmp_path / "cards", datasheet=sheet)
    assert written["datasheet.md"].read_text() == "the sheet"
    sheet.with_suffix(".html").unlink()  # one of an older Ratchet: both forms are made from the contract
    written = make_case("binary", full=False).write(tmp_path / "cards", datasheet=sheet)
    assert written["datasheet.md"].read_text().startswith("# Datasheet: x")


def test_no_reference_rows_and_a_refused_rehearsal(make_case: Callable[..., Any], tmp_path: Path) -> None:
    refused = Rehearsal(rows=5, wrong=5, largest=None, tolerance=1e-6, examples=["the service did not start"])
    written = make_case("binary").write(tmp_path, reference=pd.DataFrame(), rehearsal=refused)
    assert "plots/roc.svg" not in written
    assert "5 differ" in written["model_card.md"].read_text()
