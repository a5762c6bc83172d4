"""The page stands alone and shows nothing unescaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from services.prediction.description.docs_page import docs_page


class Balanced(HTMLParser):
    """Fails on a tag that is not closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in ("meta", "input", "th", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_it_shows_each_problem_with_its_features(client: Any) -> None:
    answer = client.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    page = answer.text
    assert "/v1/models/loans/predict" in page
    assert "größe &quot;m²&quot; [x]" in page
    assert "Will it be &lt;repaid&gt;?" in page
    assert "<repaid>" not in page
    assert not re.search(r'(src|href)="(https?:)?//', page), "it must work without the internet"
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []


def test_a_document_without_problems_has_a_page() -> None:
    document = {"info": {"title": "<x>", "version": "1"}, "paths": {}, "components": {"schemas": {}}}
    assert "&lt;x&gt; 1" in docs_page(document)
