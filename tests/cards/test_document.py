from __future__ import annotations

from pipelines.cards.document import (
    NOT_STATED,
    Code,
    Document,
    Facts,
    Heading,
    Listing,
    Mark,
    Pictures,
    Points,
    Section,
    Table,
    Text,
)
from pipelines.cards.pages import as_html, as_markdown


def test_every_kind_of_part_is_shown_in_both_forms() -> None:
    blocks = [
        Facts([("fact", "a"), ("unknown", None), ("empty", ""), ("name", Code("x_y"))]),
        Table(("one", "two"), [("b", Mark("passed", "good"))], numbers=1, note="a note"),
        Text("a paragraph"),
        Points(["first", "second"]),
        Heading("within"),
        Listing("run | this <now>"),
        Pictures([]),
    ]
    document = Document("Card", "name", "lead", [Section("Part", "part", blocks)], "source", Mark("done", "plain"))
    page, text = as_html(document), as_markdown(document)
    for shown in ("a note", "a paragraph", "first", "second", "within", "passed", "done", "lead", "source"):
        assert shown in page
        assert shown in text
    assert page.count(NOT_STATED) == text.count(NOT_STATED) == 2
    assert "run | this &lt;now&gt;" in page
    assert "    run | this <now>" in text.splitlines()
    assert "| one | two |\n| --- | ---: |\n| b | **passed** |" in text
