from __future__ import annotations

import html

from hypothesis import given
from hypothesis import strategies as st

from pipelines.cards.document import Document, Facts, Section
from pipelines.cards.pages import as_html, as_markdown, code_markdown, escape_markdown


@given(st.text(max_size=40))
def test_no_text_breaks_out_of_the_page(text: str) -> None:
    page = as_html(Document("Card", text, text, [Section("Part", "part", [Facts([(text, text)])])], text))
    begins = page.index("<body>")
    assert page.count("<script") == 0
    assert page.count("<section") == 1
    assert html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page[begins:]


@given(st.text(alphabet="ab|`\\\n\r<>_*#-.1 ", max_size=30))
def test_no_text_breaks_out_of_a_markdown_table(text: str) -> None:
    lines = as_markdown(Document("Card", "x", "lead", [Section("Part", "part", [Facts([("k", text)])])], "s"))
    (row,) = [line for line in lines.splitlines() if line.startswith("| k")]
    bare = row.replace("\\\\", "").replace("\\|", "")
    assert bare.count("|") == 3
    assert "<" not in row


def test_numbers_stay_as_they_are_and_lists_are_none() -> None:
    shown = {
        "0.4963": "0.4963",
        "-0.5": "-0.5",
        "1. one": "1\\. one",
        "12) x": "12\\) x",
        "- a": "\\- a",
        "# h": "\\# h",
    }
    assert {text: escape_markdown(text) for text in shown} == shown
    assert (code_markdown("x"), code_markdown("")) == ("`x`", "")
