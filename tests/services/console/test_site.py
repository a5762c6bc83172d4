from __future__ import annotations

import logging
from typing import Any

import pytest

from services.console.site import HEADERS


def test_every_answer_says_what_browsers_must_not_do(site: Any) -> None:
    for path in ("/", "/nothing", "/healthz", "/problems/none"):
        answer = site.get(path)
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, (path, name)
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    assert site.get("/healthz").text == "ok"


def test_files_are_kept_by_browsers_for_good_and_nothing_else_is_given(site: Any) -> None:
    page = site.get("/").text
    path = page.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = site.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "immutable" in answer.headers["cache-control"]
    for wrong in ("/static/x/nothing.css", "/static/x/..%2Fpages.py", "/static/x/pages.py"):
        assert site.get(wrong).status_code == 404


def test_nothing_on_a_page_comes_from_elsewhere(site: Any) -> None:
    page = site.get("/").text + site.get("/static/x/console.css").text + site.get("/static/x/refresh.js").text
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "url(" not in page


def test_what_nobody_foresaw_is_a_page_and_a_line_in_the_log(
    site: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> list[str]:
        raise ZeroDivisionError("the secret of the day")

    monkeypatch.setattr(site.desk, "problems", fail)
    with caplog.at_level(logging.ERROR):
        answer = site.get("/")
    assert answer.status_code == 500
    assert "secret of the day" not in answer.text
    assert "the console's log says more" in answer.text.replace("&#39;", "'")
    assert "Content-Security-Policy" in answer.headers
    assert "ZeroDivisionError" in caplog.text
