from __future__ import annotations

import pytest

from pipelines.cards.svg import lean_svg


def test_ids_are_the_plots_own() -> None:
    body = '<g id="axes"><path id="m1"/><use xlink:href="#m1"/><g clip-path="url(#p1)"/></g></svg>'
    made = lean_svg(f'<?xml version="1.0"?><!DOCTYPE svg><svg viewBox="0 0 100 50">{body}', "roc", "t")
    assert made.startswith("<svg ")
    for kept in ('id="roc-m1"', 'href="#roc-m1"', "url(#roc-p1)", "max-width:145px"):
        assert kept in made
    assert "axes" not in made
    assert "DOCTYPE" not in made


def test_what_is_no_svg_is_refused() -> None:
    with pytest.raises(ValueError, match="roc"):
        lean_svg("<p></p>", "roc", "t")
