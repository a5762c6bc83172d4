from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from services.console.pages import STATIC, render, static_files, static_path


def test_a_file_s_address_changes_with_its_content() -> None:
    assert set(static_files()) == set(STATIC)
    assert len({static_path(name) for name in STATIC}) == len(STATIC)
    assert static_path("console.css") == static_path("console.css")


def test_a_page_that_lacks_a_value_fails_loudly() -> None:
    with pytest.raises(UndefinedError):
        render("trouble.html.j2", title="x")
